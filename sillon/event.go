package sillon

import (
	"encoding/json"
	"time"
)

// An EventType names what a history entry tells (domain.md §11.1).
type EventType string

// The types of event.
const (
	EventCreation    EventType = "FeatureCollectionCreation"
	EventUpdate      EventType = "FeatureCollectionUpdate"
	EventDeletion    EventType = "FeatureCollectionDeletion"
	EventStateChange EventType = "CertificationStateChange"
	EventRecord      EventType = "RecordUpdate"
	EventRestoration EventType = "RecordRestoration"
)

// An Event is one entry of the append-only history of a parcellaire, written
// in the transaction of the change it tells.
type Event struct {
	Type       EventType
	At         time.Time
	Actor      Actor
	State      State
	FeatureIDs []string
	Before     json.RawMessage // changed members only, by wire name; nil is none
	After      json.RawMessage
	Reason     string
	RequestID  string
}
