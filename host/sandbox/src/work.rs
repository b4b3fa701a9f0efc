//! The input of a compiler: a component as it is, or on its way to an image of its opened instance (`warm`).
//!
//! To rewrite a component of many MiB takes seconds and memory, as compiling it does, so the compiler's process does
//! both: it has bounds, and it can be ended.

use std::io::{self, Write};
use std::sync::Arc;

use super::warm::{Image, rewrite};

/// One thing to be compiled.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// A component as it is.
    Component(Arc<[u8]>),
    /// A component with a way in to everything that an image is made of.
    Instrumented(Arc<[u8]>),
    /// A component whose instances begin with an image. The result may have `bytes_max` bytes.
    Imaged { wasm: Arc<[u8]>, image: Arc<Image>, bytes_max: u64 },
}

/// Why there can be no image of a component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unfit(pub(super) String);

impl Work {
    /// The component that is compiled.
    ///
    /// # Errors
    /// When there can be no image of it.
    pub(super) fn component(self) -> Result<Arc<[u8]>, Unfit> {
        match self {
            Self::Component(wasm) => Ok(wasm),
            Self::Instrumented(wasm) => rewrite::instrumented(&wasm).map(Arc::from),
            Self::Imaged { wasm, image, bytes_max } => {
                let image = Arc::try_unwrap(image).unwrap_or_else(|image| Image::clone(&image));
                let made = rewrite::with_image(&wasm, image)?;
                if made.len() as u64 > bytes_max {
                    let bytes = bytesize::ByteSize(made.len() as u64).display().iec();
                    return Err(Unfit(format!("its image is {bytes} large, more than limits.component allows")));
                }
                Ok(made.into())
            }
        }
    }

    /// The component's bytes at the start.
    pub(super) fn wasm(&self) -> &[u8] {
        match self {
            Self::Component(wasm) | Self::Instrumented(wasm) | Self::Imaged { wasm, .. } => wasm,
        }
    }

    /// Whether instances of what comes of it begin with an image.
    pub(super) fn is_image(&self) -> bool {
        matches!(self, Self::Imaged { .. })
    }

    /// Bytes of its image.
    pub(super) fn image_bytes(&self) -> u64 {
        match self {
            Self::Component(_) | Self::Instrumented(_) => 0,
            Self::Imaged { image, .. } => image.bytes(),
        }
    }

    /// Arguments for a process to which [`Self::write`] gives the rest.
    pub(super) fn words(&self) -> Vec<String> {
        match self {
            Self::Component(_) => vec!["component".to_owned()],
            Self::Instrumented(_) => vec!["instrumented".to_owned()],
            Self::Imaged { wasm, bytes_max, .. } => {
                vec!["imaged".to_owned(), wasm.len().to_string(), bytes_max.to_string()]
            }
        }
    }

    /// Writes what it consists of.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(self.wasm())?;
        match self {
            Self::Component(_) | Self::Instrumented(_) => Ok(()),
            Self::Imaged { image, .. } => image.write(to),
        }
    }

    /// Reads what [`Self::words`] and [`Self::write`] wrote.
    pub(super) fn read(words: &[String], mut input: Vec<u8>) -> Option<Self> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["component"] => Some(Self::Component(input.into())),
            ["instrumented"] => Some(Self::Instrumented(input.into())),
            ["imaged", length, bytes_max] => {
                let (length, bytes_max) = (length.parse().ok()?, bytes_max.parse().ok()?);
                if length > input.len() {
                    return None;
                }
                let image = Arc::new(Image::read(&input.split_off(length))?);
                Some(Self::Imaged { wasm: input.into(), image, bytes_max })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_read_as_it_was_written() {
        let wasm: Arc<[u8]> = (*b"a component").into();
        let image = Arc::new(Image::default());
        let works = [
            Work::Component(Arc::clone(&wasm)),
            Work::Instrumented(Arc::clone(&wasm)),
            Work::Imaged { wasm, image, bytes_max: 7 },
        ];
        for work in works {
            let mut input = Vec::new();
            work.write(&mut input).unwrap();
            let read = Work::read(&work.words(), input).unwrap();
            assert_eq!((read.words(), read.wasm()), (work.words(), work.wasm()));
        }
        assert!(Work::read(&["imaged".into(), "9".into(), "1".into()], b"short".to_vec()).is_none());
        assert!(Work::read(&["other".into()], Vec::new()).is_none());
    }
}
