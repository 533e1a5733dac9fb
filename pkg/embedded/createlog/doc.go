// Package createlog is an append-only log of creates in a folder, as bytes.
//
// It exists because a create waits for nothing but this: one write and one sync
// of a few bytes, which all creates in progress share, and no page of a tree.
//
// The log is files of records in order: the length of an entry and
// its CRC-32C, four bytes each, big-endian, and the entry. A file is named by the
// sequence number of its first entry. It is removed once all of its entries are
// consumed. Which ones are consumed is not durable: after a crash, the entries
// of the files that are left are read again. What follows damage in a file is
// handed to Options.Keep and cut off.
package createlog
