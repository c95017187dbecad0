package store

import "sillon/sillon"

// A PushJob asks to store the waiting pushes of a certifier.
type PushJob struct {
	OC sillon.OC `json:"oc"`
}

// Kind names the job in the queue.
func (PushJob) Kind() string { return "push" }

// A SweepJob asks to look for pushes that wait with nobody working for them.
type SweepJob struct{}

// Kind names the job in the queue.
func (SweepJob) Kind() string { return "sweep" }
