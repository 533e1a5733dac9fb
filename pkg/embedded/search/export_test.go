package search

// CheckNothing makes searches look up all words, as they do if a chat is
// large.
func (x *Index) CheckNothing() { x.costs.check, x.costs.few = lookUpAll, 0 }

// CheckEverything makes searches check each message for what no single word
// says, as they do if very many words match.
func (x *Index) CheckEverything() { x.costs.check, x.costs.few = 0, 0 }

// CheckFew makes searches look up all words after all once they have checked a
// few messages in vain.
func (x *Index) CheckFew() { x.costs.check, x.costs.misses = 0, 2 }

// ReadFew makes searches read a few places at once and go over buckets for more.
func (x *Index) ReadFew() { x.costs.ofChat, x.costs.ofApp, x.costs.newest = 1, 1, 2 }

// ReadByBucket makes searches go over buckets, as they do if very many
// messages match.
func (x *Index) ReadByBucket() { x.costs.ofChat, x.costs.ofApp, x.costs.newest = 0, 0, 0 }
