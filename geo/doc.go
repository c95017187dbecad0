// Package geo measures, places and repairs parcels. Its functions are pure:
// they do no I/O and leave their input as it was.
//
// A position is an orb.Point in degrees of WGS84, longitude first, unless a
// name says otherwise; lengths are metres and areas square metres. The French
// datums (RGF93, RGAF09, RGR92, RGM04, RGFG95, RGSPM06) are taken as WGS84,
// from which they differ by less than the drawing of a parcel.
package geo
