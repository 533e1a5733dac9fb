// Package search is the search index of one machine: the port chat.Index on
// scorch, the storage of bleve, in one folder.
//
// Every message is one document. Its name is its creation time, its chat, its
// number and <app>, which never change; it is what a search sorts and filters
// by. New messages have greater names than old ones, so scorch need not look
// for an older version of them. These are the fields:
//
//	scope     <app token>, and <app token>#<chat number>
//	words     <app> <word> for each distinct word of chat.Fold(body)
//	pairs     <app> <word> SP <word> for neighbours of a script without spaces
//	sender    <app> <sender>
//	bucket    <chat> <message number / 512>, and <app> <creation time / 256 ms>, the newest first
//	message   version, time of the last change, sender, metadata and body, stored only
//
// <app> and <chat> are hashes of eight bytes, so the words of an app stand side
// by side in the dictionary, and are there once however many chats have them.
// What a search finds by a hash is met with the scope, which is exact; only
// names, and the messages of a chat whose versions are asked for, rely on it.
//
// A search goes through the segments of the index by itself, on the bitmaps of
// their dictionaries, and not with bleve's searchers, which visit every match
// before they sort. For each rank, the best first:
//
//   - A bitmap of each segment says which messages match. A whole word is one
//     look-up. The beginnings and parts of words are found in the vocabulary of
//     the app, which is kept in memory for the segments that are searched, and
//     looked up. No grams are indexed, which is what makes indexing cheap.
//   - The messages are taken the newest first until the page is full, segment by
//     segment and bucket by bucket: nothing is looked up in a segment before the
//     search has come to its newest messages. So a page costs the same however
//     many messages match. Where few of a segment match, the places of all are
//     read at once.
//   - Where many words match, it costs less to check messages one by one, the
//     newest first, than to look up the words. chat.Query.Rank decides then, and
//     wherever words have to stand in a row.
//
// What grows with the messages is the bitmaps: one bit for each message of a
// segment, at most, and some microseconds for a million.
//
// The document of a deleted message has its number's bucket and its version,
// and nothing that a search would find: it stays so that an older version that
// arrives late is known to be old.
package search
