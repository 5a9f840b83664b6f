// Sends one job to ticketd, waits for its outcome, and exits 0 only if it succeeded:
//
//	go run . [JOB.json [KIND]]
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const sample = `
{ "operation": "dms.CreateOrder",
  "params": { "Comment": "close stale carts", "PluginType": "DC_CHUNK", "PluginParam": {
    "execSQL": "delete from carts where seen < '2026-01-01'",
    "dbItemList": [{ "dbId": 1860, "logic": false }] } } }
`

type event struct {
	ID   string `json:"id"`
	Data struct {
		State  string          `json:"state"`
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Message string `json:"message"`
			Advice  string `json:"advice"`
		} `json:"error"`
	} `json:"data"`
}

func main() {
	succeeded, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "producer:", err)
	}
	if !succeeded {
		os.Exit(1)
	}
}

func run() (bool, error) {
	body, kind := []byte(sample), "create"
	if len(os.Args) > 1 {
		var err error
		if body, err = os.ReadFile(os.Args[1]); err != nil {
			return false, err
		}
	}
	if len(os.Args) > 2 {
		kind = os.Args[2]
	}
	limit, err := time.ParseDuration(setting("TIME_LIMIT", "60") + "s")
	if err != nil {
		return false, fmt.Errorf("TIME_LIMIT: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	outcome, err := outcomeOf(ctx, body, kind)
	if errors.Is(err, context.DeadlineExceeded) {
		return false, fmt.Errorf("no outcome within %v; to hear of it later, send it again", limit)
	}
	if err != nil {
		return false, err
	}
	fmt.Printf("%s (event %s)\n", outcome.Data.State, outcome.ID)
	if e := outcome.Data.Error; e != nil {
		fmt.Println(e.Message, e.Advice)
	} else {
		fmt.Println(string(outcome.Data.Result))
	}
	return outcome.Data.State == "succeeded", nil
}

func outcomeOf(ctx context.Context, body []byte, kind string) (*event, error) {
	var job struct{ ID string }
	if err := json.Unmarshal(body, &job); err != nil {
		return nil, fmt.Errorf("the job can't be read: %w", err)
	}
	// A job without an id uses the message_id.
	if job.ID == "" {
		job.ID = "example-" + random(16)
	}
	broker := setting("TICKETD_BROKER__URL", "amqp://guest:guest@127.0.0.1:5672/%2f")
	uri, err := amqp.ParseURI(broker)
	if err != nil {
		return nil, fmt.Errorf("TICKETD_BROKER__URL: %w", err)
	}
	connection, err := amqp.Dial(broker)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	channel, err := connection.Channel()
	if err != nil {
		return nil, err
	}
	// An exclusive queue named by the broker, deleted with the connection. A missed outcome is not
	// lost: the same job, sent again, gets the same outcome again.
	queue, err := channel.QueueDeclare("", false, false, true, false, nil)
	if err != nil {
		return nil, err
	}
	replies, err := channel.Consume(queue.Name, "", true, true, false, false, nil)
	if err != nil {
		return nil, err
	}
	message := amqp.Publishing{
		Body:          body,
		ContentType:   "application/json",
		DeliveryMode:  amqp.Persistent,
		MessageId:     job.ID,
		CorrelationId: random(16),
		ReplyTo:       queue.Name,
		// The broker accepts only the name of the logged-in user.
		UserId:  uri.Username,
		Headers: amqp.Table{"traceparent": "00-" + random(16) + "-" + random(8) + "-01"},
	}
	exchange := setting("TICKETD_BROKER__PREFIX", "ticketd") + ".jobs"
	if err := publish(ctx, channel, exchange, kind, message); err != nil {
		return nil, err
	}
	fmt.Printf("sent %s (%s)\n", job.ID, kind)
	return reply(ctx, replies, message.CorrelationId)
}

func publish(
	ctx context.Context, channel *amqp.Channel, exchange, kind string, message amqp.Publishing,
) error {
	if err := channel.Confirm(false); err != nil {
		return err
	}
	confirmed := channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	returned := channel.NotifyReturn(make(chan amqp.Return, 1))
	closed := channel.NotifyClose(make(chan *amqp.Error, 1))
	if err := channel.PublishWithContext(ctx, exchange, kind, true, false, message); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case confirmation, open := <-confirmed:
		switch {
		case !open:
			return <-closed
		case !confirmation.Ack:
			return errors.New("the broker refused the job: send it again later")
		// A returned message arrives before its confirm.
		case len(returned) > 0:
			return fmt.Errorf("no queue takes %s jobs from %s", kind, exchange)
		}
		return nil
	}
}

func reply(ctx context.Context, replies <-chan amqp.Delivery, correlationID string) (*event, error) {
	seen := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case message, open := <-replies:
			if !open {
				return nil, errors.New("the reply queue was taken away: send the job again")
			}
			var told event
			if err := json.Unmarshal(message.Body, &told); err != nil {
				return nil, fmt.Errorf("the reply can't be read: %w", err)
			}
			// An event may arrive twice, always with the same id.
			if !seen[told.ID] && message.CorrelationId == correlationID {
				return &told, nil
			}
			seen[told.ID] = true
		}
	}
}

func random(bytes int) string {
	buffer := make([]byte, bytes)
	if _, err := rand.Read(buffer); err != nil {
		panic(err)
	}
	return fmt.Sprintf("%x", buffer)
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
