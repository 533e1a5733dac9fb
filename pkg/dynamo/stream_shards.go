package dynamo

import (
	"cmp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// shard is one shard of a stream and the place up to which it is read.
type shard struct {
	id       string
	parent   string    // "" if it has none
	iterator *string   // nil if it has to be got
	last     *string   // sequence number of the record that was read last
	read     time.Time // when it was read last
	done     bool      // it is closed and read to its end
}

// shards are the shards of a stream by their IDs. DynamoDB closes a shard after
// some hours, or splits it; later changes are in its children.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html#Streams.Processing
type shards map[string]*shard

// update returns the shards that are listed now, those that were known before
// as they are.
func (known shards) update(listed []types.Shard) shards {
	now := make(shards, len(listed))
	for _, l := range listed {
		id := aws.ToString(l.ShardId)
		now[id] = &shard{id: id, parent: aws.ToString(l.ParentShardId)}
		if before, ok := known[id]; ok {
			now[id] = before
		}
	}
	return now
}

// readable returns the shards that may be read, the one that has waited longest
// first: a shard is readable once its parent is read to the end, or is too old to
// be listed, so that the changes of a row stay in order.
func (known shards) readable() []*shard {
	var found []*shard
	for _, sh := range known {
		parent, listed := known[sh.parent]
		if !sh.done && (!listed || parent.done) {
			found = append(found, sh)
		}
	}
	slices.SortFunc(found, func(a, b *shard) int {
		return cmp.Or(a.read.Compare(b.read), cmp.Compare(a.id, b.id))
	})
	return found
}
