// Makes the calls that it reads, and prints their outcomes.
package main

import (
	"backend/warmbindings"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

type about struct {
	URL, User, Secret string
	Limits            struct {
		TimeoutSeconds, TotalSeconds float64
		Attempts                     int
	}
	Calls [][]any
}

func main() {
	var given about
	must(json.NewDecoder(os.Stdin).Decode(&given))
	warm, err := warmbindings.New(given.URL, given.User, given.Secret)
	must(err)
	if seconds := given.Limits.TimeoutSeconds; seconds > 0 {
		warm.Timeout = time.Duration(seconds * float64(time.Second))
	}
	if seconds := given.Limits.TotalSeconds; seconds > 0 {
		warm.Total = time.Duration(seconds * float64(time.Second))
	}
	if given.Limits.Attempts > 0 {
		warm.Attempts = given.Limits.Attempts
	}
	outcomes := []any{}
	for _, call := range given.Calls {
		result, err := makeCall(warm, call)
		var failed *warmbindings.Error
		if errors.As(err, &failed) {
			outcomes = append(outcomes, map[string]any{"error": fields(failed), "shown": shown(failed, warm)})
			continue
		}
		must(err)
		outcomes = append(outcomes, map[string]any{"result": result})
	}
	must(json.NewEncoder(os.Stdout).Encode(outcomes))
}

func makeCall(warm *warmbindings.Client, call []any) (any, error) {
	ctx := context.Background()
	var text string
	var object warmbindings.Object
	query := map[string]string{}
	for _, each := range call[1:] {
		switch value := each.(type) {
		case string:
			text = value
		case map[string]any:
			object = value
			for name, part := range value {
				query[name] = fmt.Sprint(part)
			}
		}
	}
	switch call[0] {
	case "warm":
		return warm.Warm(ctx, object)
	case "resume":
		return warm.Resume(ctx, text, object)
	case "session":
		return warm.Session(ctx, text)
	case "end":
		return nil, warm.End(ctx, text)
	case "sessions":
		return warm.Sessions(ctx, query)
	case "endAll":
		return warm.EndAll(ctx, query)
	case "endVisit":
		return warm.EndVisit(ctx, text)
	}
	return nil, errors.New("no such call")
}

func fields(failed *warmbindings.Error) map[string]any {
	return map[string]any{
		"code": failed.Code, "detail": failed.Detail, "retry": failed.Retry,
		"advice": orNull(failed.Advice, ""), "instance": orNull(failed.Instance, ""),
		"status": orNull(failed.Status, 0), "retryAfter": orNull(failed.RetryAfter, -1),
	}
}

func orNull[T comparable](value, none T) any {
	if value == none {
		return nil
	}
	return value
}

func shown(failed *warmbindings.Error, warm *warmbindings.Client) string {
	return fmt.Sprintf("%v %+v %#v %v %+v %#v", failed, *failed, *failed, warm, warm, warm)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
