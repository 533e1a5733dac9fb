// Package search is the search index of one machine: the port chat.Index on
// scorch, the storage of bleve, in one folder.
//
// Every message is one document, named <app token>#<chat number>#<message
// number>, with these fields:
//
//	words    <chat> SP <word> for each distinct word of chat.Fold(body)
//	sender   <chat> SP <sender>
//	place    message number, creation time and version, as a sort key
//	message  the message as JSON, stored only
//
// The chat stands in front of each word, so a posting list holds messages of
// one chat only, and the words of a chat stand side by side in the
// dictionary. A whole word is one look-up there, the beginning of a word a
// range of it, and a part of a word a walk over the chat's range; no grams are
// indexed, which is what makes indexing cheap. Phrases are looked up as their
// words, and what was found is checked with chat.Query.Match.
//
// The document of a deleted message has its place and nothing to be found by:
// it stays so that an older version that arrives late is known to be old.
package search
