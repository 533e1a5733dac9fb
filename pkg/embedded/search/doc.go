// Package search is the search index of one machine: it implements chat.Index
// on scorch, the storage of bleve, in one folder.
//
// Every message is one document. Its name is its creation time, its chat, its
// number and <app>, which never change; a search sorts and filters by it. New
// messages have greater names than old ones, so scorch need not look for an older
// version of them. These are the fields:
//
//	scope     <app token>, and <app token>#<chat number>
//	words     <app> <word> for each distinct word of chat.Fold(body)
//	pairs     <app> <word> SP <word> for neighbours of a script without spaces
//	sender    <app> <sender>
//	bucket    <chat> <message number / 512>, and <app> <creation time / 256 ms>, newest first
//	message   version, time of the last change, sender, metadata and body, only stored
//
// <app> and <chat> are hashes of eight bytes. So the words of an app are
// neighbours in the dictionary, and each is there once, however many chats have
// it. Different apps can have the same hash, so results by hash are intersected
// with the exact scope. Only names, and the messages of a chat whose versions are
// read, rely on the hash.
//
// A search reads the bitmaps in the dictionaries of the index's segments. It does
// not use bleve's searchers, which visit every match before they sort. For each
// rank, best first:
//
//   - A bitmap of each segment says which messages match. A whole word is one
//     look-up. Beginnings and parts of words are found in the vocabulary of the
//     app, which is in memory for the segments that are searched, and then looked
//     up. No grams are indexed, which makes indexing cheap.
//   - Messages are read newest first until the page is full, segment by segment
//     and bucket by bucket. Nothing is looked up in a segment before the search
//     reaches its newest messages. So a page costs the same however many messages
//     match. If few of a segment match, the places of all are read together.
//   - If many words match, it costs less to check messages one by one, newest
//     first, than to look up the words. Then chat.Query.Rank decides, as it does
//     for words that must follow each other.
//
// Only the bitmaps grow with the messages: at most one bit for each message of a
// segment, and some microseconds for a million messages.
//
// The document of a deleted message has the bucket of its number and its version,
// and nothing that a search finds. It remains so that an older version that
// arrives late is known to be old.
package search
