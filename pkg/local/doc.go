// Package local runs the whole service in one process: every operation of the
// API on one mux, and in place of Lambda's event source mappings two pollers
// that hand the writer and the indexer the events that they get on AWS.
package local
