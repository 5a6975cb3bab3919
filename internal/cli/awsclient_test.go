package cli_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// mailman is somebody else who uses the account's queues.
type mailman struct {
	t      *testing.T
	client *sqs.Client
}

func (a *account) sqs(t *testing.T) mailman {
	return mailman{t, sqs.New(sqs.Options{Region: "us-east-1", BaseEndpoint: sdk.String(a.URL()), Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "")})}
}

func (m mailman) create(name string) (url string) {
	m.t.Helper()
	out, err := m.client.CreateQueue(m.t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		m.t.Fatal(err)
	}
	return *out.QueueUrl
}

func (m mailman) receive(url string) string {
	m.t.Helper()
	out, err := m.client.ReceiveMessage(m.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 1})
	if err != nil || len(out.Messages) == 0 {
		m.t.Fatalf("nothing was received: %v", err)
	}
	return *out.Messages[0].Body
}

func (m mailman) delete(url string) {
	m.t.Helper()
	if _, err := m.client.DeleteQueue(m.t.Context(), &sqs.DeleteQueueInput{QueueUrl: &url}); err != nil {
		m.t.Error(err)
	}
}
