package sandmill

// A Record is what a stage is given. A record without a key has an empty one. Nothing in it may be changed.
type Record struct {
	Key, Value []byte
}

// A column is byte strings back to back, and where each of them ends.
type column struct {
	data []byte
	ends []uint32
}

func (c *column) push(value []byte) {
	c.data = append(c.data, value...)
	c.ends = append(c.ends, c.end())
}

// end is where a value that is pushed now would begin.
func (c *column) end() uint32 {
	if uint64(len(c.data)) > 1<<32-1 {
		panic("the outputs of a batch have more than 4 GiB")
	}
	return uint32(len(c.data))
}

// pad pushes values that are empty, until there are count.
func (c *column) pad(count int) {
	for len(c.ends) < count {
		c.ends = append(c.ends, uint32(len(c.data)))
	}
}

func (c *column) truncate(count int) {
	if len(c.ends) <= count {
		return
	}
	c.ends = c.ends[:count]
	if count == 0 {
		c.data = c.data[:0]
	} else {
		c.data = c.data[:c.ends[count-1]]
	}
}

// start is where value i of the column begins.
func (c *column) start(i int) uint32 {
	if i == 0 {
		return 0
	}
	return c.ends[i-1]
}

// at is value i of the column; it cannot grow into the next one.
func (c *column) at(i int) []byte {
	start, end := c.start(i), c.ends[i]
	return c.data[start:end:end]
}

// A batch is the records of a call. No keys: no record has one.
type batch struct {
	values, keys column
}
