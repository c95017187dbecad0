package tiles

// Resize makes the segments of a store so small that a few parcels are many.
func (m *Memory) Resize(base, merge, segments, share int) {
	m.sizes = sizes{base: base, merge: merge, segments: segments, share: share}
}

// Settle waits for what runs in the background.
func (m *Memory) Settle() { m.background.Wait() }

// CellAt is the inverse of CellOrder.
func CellAt(order, zoom uint32) (x, y uint32) { return cellAt(order, zoom) }

// Search finds boxes through a packed tree.
func Search(boxes []Box, b Box) []uint32 {
	t := newTree(len(boxes))
	t.boxes = append(t.boxes, boxes...)
	t.finish()
	return t.search(&b, nil)
}
