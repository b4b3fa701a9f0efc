//! A block of sixty-four bytes, and masks of where a kind of byte occurs.

use std::arch::x86_64::{
    __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8,
    _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_slli_epi16,
    _mm256_sub_epi8, _mm256_testz_si256,
};

/// Bytes per block: a bit of a word for each.
pub(super) const BYTES: usize = 64;

/// Bytes, or what became of each of them.
#[derive(Clone, Copy)]
pub(super) struct Bytes(__m256i, __m256i);

/// Bytes of a text. The last block may begin before its first byte that is new.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) bytes: Bytes,
    /// How many bytes at its beginning were in the block before.
    known: u32,
}

impl Block {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn new(bytes: &[u8; BYTES], known: usize) -> Self {
        Self { bytes: Bytes::load(bytes), known: known as u32 & 63 }
    }

    /// A bit for each of these bytes that has its top bit set.
    #[inline]
    #[target_feature(enable = "avx2,bmi2")]
    pub(super) fn marks(self, of: Bytes) -> u64 {
        of.tops() >> self.known
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi2")]
    pub(super) fn marks_of(self, byte: u8) -> u64 {
        self.marks(self.bytes.equal(byte))
    }

    /// The places after the end of the text.
    #[inline(always)]
    pub(super) fn beyond(self) -> u64 {
        !(!0 >> self.known)
    }
}

impl Bytes {
    #[inline]
    #[target_feature(enable = "avx2")]
    #[expect(unsafe_code, reason = "there is no safe way to load 32 bytes that compiles to one instruction")]
    fn load(bytes: &[u8; BYTES]) -> Self {
        let from = bytes.as_ptr();
        // SAFETY: both read 32 of the 64 bytes, and neither needs them to be aligned.
        unsafe { Self(_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn tops(self) -> u64 {
        let word = |half| u64::from(_mm256_movemask_epi8(half).cast_unsigned());
        word(self.0) | word(self.1) << 32
    }

    /// All ones for each byte that is this one.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn equal(self, byte: u8) -> Self {
        let wanted = _mm256_set1_epi8(byte.cast_signed());
        Self(_mm256_cmpeq_epi8(self.0, wanted), _mm256_cmpeq_epi8(self.1, wanted))
    }

    /// All ones for each byte from 0 to this one.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn at_most(self, byte: u8) -> Self {
        let most = _mm256_set1_epi8(byte.cast_signed());
        let half = |half| _mm256_cmpeq_epi8(_mm256_min_epu8(half, most), half);
        Self(half(self.0), half(self.1))
    }

    /// All ones for each digit.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn digits(self) -> Self {
        let zero = _mm256_set1_epi8(b'0'.cast_signed());
        Self(_mm256_sub_epi8(self.0, zero), _mm256_sub_epi8(self.1, zero)).at_most(9)
    }

    /// Letters become lower case, and square brackets curly ones.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn lower(self) -> Self {
        let bit = _mm256_set1_epi8(0x20);
        Self(_mm256_or_si256(self.0, bit), _mm256_or_si256(self.1, bit))
    }

    /// Of brackets, the top bit for each that is curly: the bit in which they differ from square ones.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn curly(self) -> Self {
        Self(_mm256_slli_epi16::<2>(self.0), _mm256_slli_epi16::<2>(self.1))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn or(self, other: Self) -> Self {
        Self(_mm256_or_si256(self.0, other.0), _mm256_or_si256(self.1, other.1))
    }

    /// Whether a bit is set.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn any(self) -> bool {
        let both = _mm256_or_si256(self.0, self.1);
        _mm256_testz_si256(both, both) == 0
    }
}

/// For each place, whether the number of marks up to it is odd: a product without carries, by a word of ones.
#[inline]
#[target_feature(enable = "pclmulqdq")]
pub(super) fn odd_up_to(marks: u64) -> u64 {
    let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, marks.cast_signed()), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product).cast_unsigned()
}
