//! Checks arrays and objects, and what separates the values in them.

/// How deep values may be nested: one bit each.
const DEPTH_MAX: u32 = 64;

/// Where in a block stand commas, colons and brackets, outside of strings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Structure {
    pub(super) commas: u64,
    pub(super) colons: u64,
    pub(super) opens: u64,
    pub(super) closes: u64,
    /// What would end a field, or be its value, but no name stands before it.
    pub(super) nameless: u64,
}

/// The open arrays and objects: a bit for each, set for an object, the innermost lowest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nesting {
    objects: u64,
    depth: u32,
}

impl Nesting {
    pub(super) fn is_closed(self) -> bool {
        self.depth == 0
    }

    /// Goes through a block, bracket by bracket: what is wrong in it. `None`: brackets do not match, or are too many.
    #[inline(always)]
    pub(super) fn walk(&mut self, structure: &Structure, curly: impl FnOnce() -> u64) -> Option<u64> {
        let mut brackets = structure.opens | structure.closes;
        if brackets == 0 {
            return Some(self.wrong(structure));
        }
        let curly = curly();
        let (mut nesting, mut wrong, mut left) = (*self, 0, !0);
        while brackets != 0 {
            let up_to = brackets ^ (brackets - 1);
            let bracket = brackets & up_to;
            wrong |= nesting.wrong(structure) & left & up_to;
            let is_object = curly & bracket != 0;
            if structure.opens & bracket != 0 {
                nesting.enter(is_object)?;
            } else {
                nesting.leave(is_object)?;
            }
            left = !up_to;
            brackets &= left;
        }
        *self = nesting;
        Some(wrong | nesting.wrong(structure) & left)
    }

    #[inline(always)]
    fn enter(&mut self, is_object: bool) -> Option<()> {
        self.objects = self.objects << 1 | u64::from(is_object);
        self.depth += 1;
        (self.depth <= DEPTH_MAX).then_some(())
    }

    #[inline(always)]
    fn leave(&mut self, is_object: bool) -> Option<()> {
        let matches = self.depth > 0 && self.objects & 1 == u64::from(is_object);
        self.objects >>= 1;
        self.depth = self.depth.wrapping_sub(1);
        matches.then_some(())
    }

    /// What is wrong where the innermost of the open ones is this. With no open one, there is no set bit.
    #[inline(always)]
    fn wrong(self, structure: &Structure) -> u64 {
        let in_object = (self.objects & 1).wrapping_neg();
        let outside = u64::from(self.depth == 0).wrapping_neg();
        structure.nameless & in_object | structure.colons & !in_object | structure.commas & outside
    }
}
