package search

import (
	"context"
	"fmt"

	"chatapi/pkg/chat"
)

var _ chat.VersionIndex = (*Index)(nil)

// Versions implements chat.VersionIndex with a look-up of each number.
func (x *Index) Versions(ctx context.Context, id chat.ChatID, first, last int64) (map[int64]int64, error) {
	x.open.RLock()
	defer x.open.RUnlock()
	if x.closed {
		return nil, errClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: read versions: %w", chat.ErrUnavailable, err)
	}
	asked := map[string]chat.Message{}
	for n := first; n <= last; n++ {
		m := chat.Message{AppToken: id.AppToken, ChatNumber: id.Number, Number: n}
		asked[m.DocumentID()] = m
	}
	reader, err := x.engine.Reader()
	if err != nil {
		return nil, fmt.Errorf("%w: read versions: %w", chat.ErrUnavailable, err)
	}
	defer reader.Close()
	held, err := heldVersions(reader, asked)
	if err != nil {
		return nil, fmt.Errorf("%w: read versions: %w", chat.ErrUnavailable, err)
	}
	versions := make(map[int64]int64, len(held))
	for name, version := range held {
		versions[asked[name].Number] = version
	}
	return versions, nil
}
