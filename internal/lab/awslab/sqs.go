package awslab

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// sqs is the Simple Queue Service, in the JSON protocol, with standard queues.
type sqs struct{ e *Endpoint }

// sqsInput is every member that an input of an action here has.
type sqsInput struct {
	QueueName, QueueNamePrefix, QueueURL, NextToken string
	Attributes, Tags                                map[string]string
	AttributeNames, MessageAttributeNames           []string
	MessageSystemAttributeNames, TagKeys            []string
	MaxResults, MaxNumberOfMessages                 *int
	WaitTimeSeconds, VisibilityTimeout              *int
	Entries                                         []sqsEntry
	sqsEntry
}

// sqsEntry is what is said of a message, alone or in a batch.
type sqsEntry struct {
	ID                string `json:"Id"`
	MessageBody       string
	MessageAttributes map[string]attribute
	DelaySeconds      *int
	ReceiptHandle     string
	VisibilityTimeout *int
}

// sqsCall is a call that is being answered. Actions take the endpoint's mu themselves when wait is
// set in their entry; for others it is held.
type sqsCall struct {
	*region
	e   *Endpoint
	in  sqsInput
	ctx context.Context // of the client
	now time.Time
}

var sqsActions map[string]func(*sqsCall) (any, error)

func init() {
	sqsActions = map[string]func(*sqsCall) (any, error){
		"ChangeMessageVisibility":      onQueue((*sqsCall).changeVisibility),
		"ChangeMessageVisibilityBatch": onQueue(batch((*sqsCall).changeEntry)),
		"CreateQueue":                  (*sqsCall).createQueue,
		"DeleteMessage":                onQueue((*sqsCall).deleteMessage),
		"DeleteMessageBatch":           onQueue(batch((*sqsCall).deleteEntry)),
		"DeleteQueue":                  onQueue((*sqsCall).deleteQueue),
		"GetQueueAttributes":           onQueue((*sqsCall).getAttributes),
		"GetQueueUrl":                  (*sqsCall).getURL,
		"ListQueueTags":                onQueue((*sqsCall).listTags),
		"ListQueues":                   (*sqsCall).listQueues,
		"PurgeQueue":                   onQueue((*sqsCall).purge),
		"ReceiveMessage":               (*sqsCall).receive,
		"SendMessage":                  onQueue((*sqsCall).send),
		"SendMessageBatch":             onQueue(batch((*sqsCall).sendEntry)),
		"SetQueueAttributes":           onQueue((*sqsCall).setAttributes),
		"TagQueue":                     onQueue((*sqsCall).tag),
		"UntagQueue":                   onQueue((*sqsCall).untag),
	}
}

func (s sqs) handle(req *http.Request, c Call, body []byte, _ Fault) answer {
	act := sqsActions[c.Action]
	if act == nil {
		return s.refuse(c, refuse("UnknownOperationException", "The action "+c.Action+" is not valid for this endpoint."))
	}
	call := &sqsCall{e: s.e, ctx: req.Context(), now: time.Now()}
	if err := json.Unmarshal(body, &call.in); err != nil {
		return s.refuse(c, refuse("SerializationException", err.Error()))
	}
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	call.region = s.e.region(c.Region)
	out, err := act(call)
	if err != nil {
		return s.refuse(c, asAPI(err))
	}
	if out == nil {
		out = struct{}{}
	}
	return sqsAnswer(http.StatusOK, out)
}

func sqsAnswer(status int, out any) answer {
	var text bytes.Buffer
	json.NewEncoder(&text).Encode(out)
	return answer{status: status, header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amzn-Requestid": {newUUID()}}, body: text.Bytes()}
}

// queryCodes are those of the protocol before JSON, by the error's shape: clients made for it
// find them in a header.
var queryCodes = map[string]string{
	"QueueDoesNotExist":            "AWS.SimpleQueueService.NonExistentQueue",
	"QueueNameExists":              "QueueAlreadyExists",
	"QueueDeletedRecently":         "AWS.SimpleQueueService.QueueDeletedRecently",
	"MessageNotInflight":           "AWS.SimpleQueueService.MessageNotInflight",
	"PurgeQueueInProgress":         "AWS.SimpleQueueService.PurgeQueueInProgress",
	"EmptyBatchRequest":            "AWS.SimpleQueueService.EmptyBatchRequest",
	"TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
	"BatchEntryIdsNotDistinct":     "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
	"ReceiptHandleIsInvalid":       "ReceiptHandleIsInvalid",
	"InvalidAttributeName":         "InvalidAttributeName",
	"InvalidAttributeValue":        "InvalidAttributeValue",
	"InvalidMessageContents":       "InvalidMessageContents",
}

func (s sqs) refuse(_ Call, err *apiError) answer {
	kind, code := "com.amazonaws.sqs#", queryCodes[err.Code]
	if code == "" {
		kind, code = "com.amazon.coral.service#", err.Code
	}
	out := sqsAnswer(err.status(), map[string]string{"__type": kind + err.Code, "message": err.Message})
	fault := "Sender"
	if err.status() >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	out.header["X-Amzn-Query-Error"] = []string{code + ";" + fault}
	out.code = err.Code
	return out
}

// onQueue finds the queue of the call's URL.
func onQueue(act func(*sqsCall, *queue) (any, error)) func(*sqsCall) (any, error) {
	return func(c *sqsCall) (any, error) {
		q, err := c.queue()
		if err != nil {
			return nil, err
		}
		return act(c, q)
	}
}
