// Package warmbindings calls warm-bindings from a portal's backend. Go 1.19 or later, without any module.
// Copy this file to a folder warmbindings.
//
//	warm, err := warmbindings.New("http://127.0.0.1:8080/warm", "portal", "choose-a-secret") // of ADMIN_USERS
//	binding, err := warm.Warm(ctx, warmbindings.Object{"jid": "alice@example.org", "password": "wonderland",
//		"visit": visit, "tab": tab}) // jid, sid, rid, id …
//	_, err = warm.EndVisit(ctx, visit)                 // at sign-out
//	binding, err = warm.Resume(ctx, id, nil)           // for another page; nil: the session has ended
//	session, err := warm.Session(ctx, id)              // its state, or nil
//	err = warm.End(ctx, id)                            // logs the user out
//	sessions, err := warm.Sessions(ctx, map[string]string{"state": "quiet"})
//	ended, err := warm.EndAll(ctx, map[string]string{"jid": "alice@example.org"})
//
// "visit" names a sign-in at the portal, and "tab" a browser tab. The next call with both resumes the chat session.
// With "remember": true the binding has a "credential", which later calls send instead of the password.
// Retries temporary errors, at most Attempts times within Total. Other errors are an *Error: its Code is in
// docs/errors.md, or "no-answer", or "bad-answer" if another program answered.
package warmbindings

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const longestAnswer = 8 * 1024 * 1024

// Object is a JSON object. Numbers are json.Number, which prints all digits.
type Object = map[string]any

// Error is a failed call. It has no password, token or credential.
type Error struct {
	Code string
	// Detail and Advice are for operators.
	Detail, Advice string
	// Retry tells whether the same call may succeed later.
	Retry bool
	// Status is 0 without an answer.
	Status int
	// Instance is the id of the call in the service's log.
	Instance string
	// RetryAfter is in seconds, or -1 if it is unknown.
	RetryAfter int
}

func (e *Error) Error() string {
	text := e.Code + ": " + e.Detail
	if e.Instance != "" {
		text += " (" + e.Instance + ")"
	}
	return text
}

// Codes to retry if an answer has no "retry".
var passing = map[string]bool{
	"no-answer": true, "remote-connection-failed": true, "remote-stream-error": true, "temporary-auth-failure": true,
	"service-full": true, "session-unreachable": true, "store-unavailable": true, "shutting-down": true, "timeout": true,
	"too-many-requests": true,
}

// Client calls the warm API. It can be used by many goroutines.
type Client struct {
	// Timeout of an attempt must be above the service's WARM_TIMEOUT. Default: 20 s.
	Timeout time.Duration
	// Total limits a call with its retries and pauses. Default: 40 s.
	Total time.Duration
	// Attempts limits the attempts of a call. Default: 3.
	Attempts int

	url, user, secret string
	http              *http.Client
}

// New needs the URL of /warm, and an account of ADMIN_USERS.
func New(address, user, secret string) (*Client, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.User != nil || parsed.RawQuery != "" || len(parsed.Path) < 2 {
		return nil, errors.New("the address is that of /warm, such as http://127.0.0.1:8080/warm")
	}
	return &Client{
		Timeout: 20 * time.Second, Total: 40 * time.Second, Attempts: 3,
		url: strings.TrimRight(address, "/"), user: user, secret: secret,
		http: &http.Client{
			// A proxy or a redirect would get the secrets.
			Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// String keeps the secret out of logs.
func (c *Client) String() string   { return "warmbindings.Client(" + c.url + ")" }
func (c *Client) GoString() string { return c.String() }

// Warm logs a user in, or resumes the session of "visit" and "tab".
func (c *Client) Warm(ctx context.Context, parameters Object) (Object, error) {
	return c.call(ctx, "POST", "", parameters, isBinding)
}

// Resume gives a live session to another page. The binding is nil if the session has ended.
func (c *Client) Resume(ctx context.Context, id string, parameters Object) (Object, error) {
	return c.callSession(ctx, "POST", id, "/resume", parameters, isBinding)
}

// Session returns the session, or nil if the session has ended.
func (c *Client) Session(ctx context.Context, id string) (Object, error) {
	return c.callSession(ctx, "GET", id, "", nil, isSession)
}

// End logs the user out. It also succeeds if the session has ended.
func (c *Client) End(ctx context.Context, id string) error {
	_, err := c.callSession(ctx, "DELETE", id, "", nil, isNothing)
	return err
}

// EndVisit ends all sessions of a visit, and cancels its running login.
func (c *Client) EndVisit(ctx context.Context, visit string) (Object, error) {
	return c.EndAll(ctx, map[string]string{"visit": visit})
}

// EndAll ends the sessions of a "jid" or of a "visit".
func (c *Client) EndAll(ctx context.Context, query map[string]string) (Object, error) {
	return c.call(ctx, "DELETE", "/sessions?"+encoded(query).Encode(), nil, isEnded)
}

// Sessions returns all sessions that match, oldest first.
func (c *Client) Sessions(ctx context.Context, filter map[string]string) ([]Object, error) {
	query := encoded(filter)
	query.Set("limit", "1000")
	sessions := []Object{}
	places := map[string]bool{}
	for {
		part, err := c.call(ctx, "GET", "/sessions?"+query.Encode(), nil, isList)
		if err != nil {
			return nil, err
		}
		for _, each := range part["sessions"].([]any) {
			sessions = append(sessions, each.(Object))
		}
		next, isThere := part["next"].(string)
		if !isThere {
			return sessions, nil
		}
		if places[next] {
			return nil, badAnswer("The list of sessions does not end: `next` is repeated.", 0)
		}
		places[next] = true
		query.Set("after", next)
	}
}

func encoded(query map[string]string) url.Values {
	values := url.Values{}
	for name, value := range query {
		values.Set(name, value)
	}
	return values
}

var idPattern = regexp.MustCompile(`^[\w-]{16,64}$`)

func (c *Client) callSession(
	ctx context.Context, method, id, path string, parameters Object, check func(Object) bool,
) (Object, error) {
	if !idPattern.MatchString(id) {
		return nil, nil // no session has this id, which could change the path of the URL
	}
	answer, err := c.call(ctx, method, "/"+id+path, parameters, check)
	var failed *Error
	if errors.As(err, &failed) && (failed.Code == "session-not-found" || failed.Code == "not-here") {
		return nil, nil
	}
	return answer, err
}

func (c *Client) call(
	ctx context.Context, method, path string, parameters Object, check func(Object) bool,
) (Object, error) {
	var body []byte
	if parameters != nil {
		var err error
		if body, err = json.Marshal(parameters); err != nil {
			return nil, err
		}
	}
	deadline := time.Now().Add(c.Total)
	for count := 1; ; count++ {
		answer, err := c.attempt(ctx, method, path, body, deadline, check)
		var failed *Error
		if !errors.As(err, &failed) {
			return answer, err
		}
		// The pause is Retry-After, or 1, 2, 4 … seconds, plus up to half as much.
		seconds := float64(failed.RetryAfter)
		if failed.RetryAfter < 0 {
			seconds = math.Pow(2, float64(count-1))
		}
		pause := time.Duration(seconds * (1 + rand.Float64()/2) * float64(time.Second))
		if !failed.Retry || count >= c.Attempts || time.Now().Add(pause).After(deadline) {
			return nil, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// attempt returns an *Error, or the error of the caller's context.
func (c *Client) attempt(
	caller context.Context, method, path string, body []byte, deadline time.Time, check func(Object) bool,
) (Object, error) {
	if last := time.Now().Add(c.Timeout); last.Before(deadline) {
		deadline = last
	}
	ctx, cancel := context.WithDeadline(caller, deadline)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(c.user, c.secret)
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, noAnswer(caller, ctx, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer+1))
	if len(text) > longestAnswer {
		return nil, badAnswer("The answer is too long.", response.StatusCode)
	}
	if err != nil {
		return nil, noAnswer(caller, ctx, err)
	}
	return read(response, text, check)
}

func read(response *http.Response, text []byte, check func(Object) bool) (Object, error) {
	status := response.StatusCode
	var value any
	if status != 204 && json.Valid(text) {
		numbers := json.NewDecoder(bytes.NewReader(text))
		numbers.UseNumber()
		_ = numbers.Decode(&value)
	}
	answer, isObject := value.(Object)
	if (status == 204 || status == 200 && isObject) && check(answer) {
		return answer, nil
	}
	retryAfter := -1
	if seconds, err := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 30); err == nil {
		retryAfter = int(seconds)
	}
	isProblem := strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json")
	var problem struct {
		Code                     *string
		Detail, Advice, Instance string
		Retry                    *bool
	}
	if isProblem && json.Unmarshal(text, &problem) == nil && problem.Code != nil {
		failed := &Error{
			Code: *problem.Code, Detail: problem.Detail, Advice: problem.Advice, Retry: passing[*problem.Code],
			Status: status, Instance: problem.Instance, RetryAfter: retryAfter,
		}
		if problem.Retry != nil {
			failed.Retry = *problem.Retry
		}
		return nil, failed
	}
	if status == 429 || status == 502 || status == 503 || status == 504 {
		detail := fmt.Sprintf("A server in between says HTTP %d.", status)
		return nil, &Error{Code: "no-answer", Detail: detail, Retry: true, Status: status, RetryAfter: retryAfter}
	}
	return nil, badAnswer(fmt.Sprintf("HTTP %d is not from warm-bindings: is the url that of its /warm?", status), status)
}

func badAnswer(detail string, status int) *Error {
	return &Error{Code: "bad-answer", Detail: detail, Status: status, RetryAfter: -1}
}

func noAnswer(caller, attempt context.Context, err error) error {
	if caller.Err() != nil {
		return caller.Err()
	}
	detail := "The service did not answer in time."
	if attempt.Err() == nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		detail = "The service did not answer: " + err.Error() + "."
	}
	return &Error{Code: "no-answer", Detail: detail, Retry: true, RetryAfter: -1}
}

func hasTexts(value any, names ...string) bool {
	object, _ := value.(Object)
	for _, name := range names {
		if _, isText := object[name].(string); !isText {
			return false
		}
	}
	return true
}

func isBinding(answer Object) bool {
	rid, _ := answer["rid"].(json.Number)
	_, err := rid.Int64()
	return err == nil && hasTexts(answer, "id", "jid", "sid")
}

func isSession(answer Object) bool { return hasTexts(answer, "id") }

func isList(answer Object) bool {
	sessions, isList := answer["sessions"].([]any)
	for _, each := range sessions {
		isList = isList && hasTexts(each, "id")
	}
	_, isText := answer["next"].(string)
	// An empty part has no "next".
	return isList && (answer["next"] == nil || isText && len(sessions) > 0)
}

func isEnded(answer Object) bool {
	_, isNumber := answer["ended"].(json.Number)
	return isNumber
}

func isNothing(answer Object) bool { return answer == nil }
