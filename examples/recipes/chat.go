// Package chat needs the standard library only. A visit is a random text, made at the sign-in and kept in the session
// of the portal until the sign-out. The visit is no secret: logs can contain it.
package chat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"time"
)

// Token makes a token for the pages of a session.
func Token(user, visit string) string {
	encode := base64.RawURLEncoding.EncodeToString
	claims, _ := json.Marshal(map[string]any{"sub": user, "aud": "chat", "exp": time.Now().Unix() + 300, "visit": visit})
	content, mac := encode([]byte(`{"alg":"HS256"}`))+"."+encode(claims), hmac.New(sha256.New, []byte(os.Getenv("CHAT_SECRET")))
	mac.Write([]byte(content))
	return content + "." + encode(mac.Sum(nil))
}

// SendToken is the answer of /chat/token. Without a signed-in user, user is empty. With checkEvery, pages call this
// every minute: it must not extend the session of the portal.
func SendToken(w http.ResponseWriter, user, visit string) {
	if w.Header().Set("Cache-Control", "no-store"); user == "" {
		http.Error(w, "Sign in first.", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	json.NewEncoder(w).Encode(map[string]string{"token": Token(user, visit)})
}

// End ends the chats of the token's visit. Make the token before the session of the portal ends, and call End after
// that. It makes up to three calls. Log the error.
func End(token string) (err error) {
	request, _ := http.NewRequest("DELETE", "https://chat.example.org/connect", nil)
	request.Header.Set("Authorization", "Bearer "+token)
	for tries, pause, mayRetry := uint(1), uint(0), true; mayRetry && tries <= 3; tries++ {
		time.Sleep(time.Duration(math.Min(float64(pause), 10)) * time.Second)
		response, failure := (&http.Client{Timeout: 5 * time.Second}).Do(request)
		if err, pause = failure, tries; err == nil {
			response.Body.Close()
			if err = fmt.Errorf("the chats did not end: %s", response.Status); response.StatusCode == 200 {
				return nil
			}
			fmt.Sscan(response.Header.Get("Retry-After"), &pause)
			mayRetry = map[int]bool{429: true, 502: true, 503: true, 504: true}[response.StatusCode]
		}
	}
	return err
}
