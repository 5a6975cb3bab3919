package aws

import (
	"context"
	"errors"

	"github.com/gofab/gofab/internal/cloud"
)

func (p *Provider) Upload(ctx context.Context, o cloud.Object) (cloud.Stored, error) {
	return cloud.Stored{}, errors.New("not yet")
}
