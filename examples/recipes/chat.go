// A visit is a session of the portal: pass a hash of the cookie, because it may appear in logs.
package main

import (
	"github.com/golang-jwt/jwt/v4" // v5 works as well
	"net/http"
	"os"
	"time"
)

func chatToken(user, visit string) (string, error) {
	claims := jwt.MapClaims{"sub": user, "aud": "chat", "exp": time.Now().Add(5 * time.Minute).Unix(), "visit": visit}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(os.Getenv("CHAT_SECRET")))
}

// endChats ends the chats of the token's visit.
func endChats(token string) error {
	request, _ := http.NewRequest("DELETE", "https://chat.example.org/connect", nil)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
