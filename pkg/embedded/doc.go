// Package embedded implements the ports of package chat in one process and one
// data folder, for one machine without AWS:
//
//	data/chatapi.json   says what this folder is, and its format
//	data/rows.db        bbolt; keys.go has its buckets
//	data/creates/       log of creates that are not stored yet
//	data/search/        bleve
//	data/rebuild/       a new search index, while Rebuild builds it
//
// A create is appended to the log. Every other write is a transaction of bbolt.
// Both commit what is waiting together, so that many requests share one fsync and
// none waits for a lock during a disk write, and creates do not wait for the
// transactions that store and index them. A method that writes returns once its
// write is durable.
package embedded
