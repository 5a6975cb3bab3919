// Package body hands requests' bodies to net/http in a form that it gets along with.
package body

import (
	"context"
	"io"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Plain is an option of SDK clients (aws.Config.APIOptions) that hides io.WriterTo of bodies.
//
// The SDK (smithy-go 1.28) closes a request's body when the answer begins, and a closed body answers
// WriteTo with io.EOF, which io.Copy takes for a failure. net/http looks once more for bytes after
// the announced ones; where the answer comes before it has looked, it closes the connection under the
// answer: "use of closed network connection", for a call that had its effect. That is one call in
// some thousands where server and client share a machine.
func Plain(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("gofab:plain-body", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		if req, ok := in.Request.(*smithyhttp.Request); ok {
			if plain := hide(req.GetStream()); plain != nil {
				var err error
				if in.Request, err = req.SetStream(plain); err != nil {
					return middleware.DeserializeOutput{}, middleware.Metadata{}, err
				}
			}
		}
		return next.HandleDeserialize(ctx, in)
	}), middleware.After)
}

// hide returns r without its WriteTo, and nil if it has none.
func hide(r io.Reader) io.Reader {
	if _, ok := r.(io.WriterTo); !ok {
		return nil
	}
	if s, ok := r.(io.ReadSeeker); ok {
		return struct{ io.ReadSeeker }{s}
	}
	return struct{ io.Reader }{r}
}
