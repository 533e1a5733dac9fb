//go:build linux

package inject

import (
	"fmt"
	"strconv"

	"chatapi/pkg/chat"
)

// doomed returns an error if one of the messages is never stored: a store that
// was asked to store several together stores none.
func (x *Injector) doomed(messages []chat.Message) error {
	if x.off.Load() {
		return nil
	}
	for _, m := range messages {
		n := int(hash(strconv.FormatUint(x.seed, 10)+m.ChatID().String()+"#"+strconv.FormatInt(m.Number, 10)) % 1000)
		for _, r := range x.doom {
			if n -= r.PerMille; n >= 0 {
				continue
			}
			x.tally.fault(StoreMessages, r.Kind)
			if r.Kind == Unstorable {
				return fmt.Errorf("store messages: %w: injected: message %d", chat.ErrUnstorable, m.Number)
			}
			return fmt.Errorf("%w: injected: message %d is not stored", chat.ErrUnavailable, m.Number)
		}
	}
	return nil
}
