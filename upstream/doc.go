// Package upstream holds the clients of the world outside: each with its
// time-out, its bounds, and its idea of what it may be made to reach.
package upstream
