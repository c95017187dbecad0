// Package bench measures the program that users run, beside what others would
// use for the same work: make bench-push, make bench-tiles. Nothing imports it.
package bench
