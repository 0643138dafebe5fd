package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// api is the GraphQL API of a running server, over HTTP.
type api struct {
	url      string
	http     *http.Client
	console  *console // prints what the command is waiting for
	answered bool     // whether the server has answered any call
	retries  int      // number of calls that were sent again
}

func newAPI(url string, c *console) *api {
	return &api{url: url, console: c, http: &http.Client{Timeout: 15 * time.Second}}
}

// caller calls the API with a token. The callers of an api must not be used concurrently.
type caller struct {
	api   *api
	token string
}

// payload holds the fields of a mutation's payload that are used here.
type payload struct {
	Conversation, Agent *struct{ ID string }
	UserErrors          []struct{ Code, Message string }
}

// refusal returns the code and message with which a mutation was refused.
func (p *payload) refusal() string {
	if len(p.UserErrors) == 0 {
		return "the server gave no reason; see its log"
	}
	return p.UserErrors[0].Code + ", " + p.UserErrors[0].Message
}

// mutations are the documents of the mutations that are called here, by name.
var mutations = map[string]string{
	"receiveMessage":    `mutation($input: ReceiveMessageInput!) { result: receiveMessage(input: $input) { conversation { id } userErrors { code message } } }`,
	"assignToMe":        `mutation($input: AssignToMeInput!) { result: assignToMe(input: $input) { conversation { id } userErrors { code message } } }`,
	"sendMessage":       `mutation($input: SendMessageInput!) { result: sendMessage(input: $input) { conversation { id } userErrors { code message } } }`,
	"closeConversation": `mutation($input: CloseConversationInput!) { result: closeConversation(input: $input) { conversation { id } userErrors { code message } } }`,
	"createAgent":       `mutation($input: CreateAgentInput!) { result: createAgent(input: $input) { agent { id } userErrors { code message } } }`,
	"setAvailability":   `mutation($input: SetAvailabilityInput!) { result: setAvailability(input: $input) { agent { id } userErrors { code message } } }`,
}

// mutate calls a mutation. A refusal is not an error; it is in the payload's UserErrors.
func (c caller) mutate(ctx context.Context, name string, input map[string]any) (*payload, error) {
	var data struct{ Result *payload }
	if err := c.ask(ctx, mutations[name], map[string]any{"input": input}, &data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data.Result, nil
}

const (
	answerTime = time.Minute            // limit for a server that has answered before
	firstTime  = 10 * time.Second       // limit for the first answer of a server
	retryFirst = 50 * time.Millisecond  // pause before the second attempt; it doubles each time
	retryLast  = 2 * time.Second        // longest pause between two attempts
	busyPause  = 500 * time.Millisecond // shortest pause after RATE_LIMITED
)

// ask sends an operation until it is answered and decodes the data into into. A mutation must
// have an idempotency key, so that it is carried out only once. The current attempt is finished
// even if ctx ends meanwhile, unless the server has never answered.
func (c caller) ask(ctx context.Context, document string, variables map[string]any, into any) error {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return err
	}
	defer c.api.console.waiting("an answer from " + c.api.url)()
	attempt, giveUp := context.WithoutCancel(ctx), answerTime
	if !c.api.answered {
		giveUp = firstTime
		var cancel context.CancelFunc
		attempt, cancel = context.WithTimeout(ctx, firstTime)
		defer cancel()
	}
	began, pause := time.Now(), retryFirst
	for {
		data, err := c.post(attempt, body)
		if err == nil {
			c.api.answered = true
			return json.Unmarshal(data, into)
		}
		var again *unanswered
		switch {
		case !errors.As(err, &again):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Since(began) > giveUp || attempt.Err() != nil:
			return fmt.Errorf("%s does not answer: %w; start the server there, or give another --url", c.api.url, err)
		}
		c.api.retries++
		if err := sleepUntil(ctx, time.Now().Add(max(pause, again.pause))); err != nil {
			return err
		}
		pause = min(2*pause, retryLast)
	}
}

// unanswered is the error of an attempt that may be repeated.
type unanswered struct {
	error
	pause time.Duration // shortest pause before the next attempt
}

// post makes one attempt.
func (c caller) post(ctx context.Context, body []byte) (json.RawMessage, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.api.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w; give --url one such as http://127.0.0.1:8080/graphql", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.api.http.Do(r)
	if err != nil {
		return nil, &unanswered{error: err}
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, &unanswered{error: err}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		if response.StatusCode >= 500 {
			return nil, &unanswered{error: errors.New(response.Status)}
		}
		return nil, fmt.Errorf("%s is not a GraphQL endpoint, it answers %s; give another --url", c.api.url, response.Status)
	}
	if len(answer.Errors) == 0 {
		return answer.Data, nil
	}
	err = fmt.Errorf("%s, %s", answer.Errors[0].Extensions.Code, answer.Errors[0].Message)
	switch answer.Errors[0].Extensions.Code {
	case "RATE_LIMITED":
		return nil, &unanswered{err, busyPause}
	case "UNAVAILABLE":
		return nil, &unanswered{error: err}
	case "UNAUTHENTICATED":
		return nil, fmt.Errorf("%w: does the server at %s use the same database as this command? Give --url, or --data-dir or --database-url", err, c.api.url)
	}
	return nil, err
}
