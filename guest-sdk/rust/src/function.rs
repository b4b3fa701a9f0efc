//! A stage that is one function: which functions are one, and how they are called for a batch.
//!
//! The shapes are told apart by a marker that the compiler infers, since one trait cannot be implemented for `Fn(A)` and
//! `Fn(A, B)` at once. The lifetime is the batch's: that is how results may borrow from records and configuration.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::output::{Outcome, Output};
use crate::record::Batch;
use crate::stage::Instance;
use crate::{Failure, FromRecord, IntoOutputs, config};

/// A function that is a stage: `fn(In) -> Out` or `fn(In, &Config) -> Out`, with In a [`FromRecord`] and Out an
/// [`IntoOutputs`]; or one that changes a value in place, `fn(&mut [u8])` or `fn(&mut [u8], &Config)`, and returns
/// nothing or a `Result<(), E>`.
///
/// `Marker` is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no stage",
    note = "a stage is a function `fn(In) -> Out` or `fn(In, &Config) -> Out`",
    note = "In is `&[u8]`, `&str`, `Json<T>`, `Record<'_>` or `&mut [u8]`; Config implements `serde::Deserialize`",
    note = "Out is `String`, `&str`, `Vec<u8>`, `&[u8]`, `Json<T>`, `Keyed<K, V>`, `bool`, `()`, or an `Option`, `Vec` or `Result` of these"
)]
pub trait StageFunction<'a, Marker> {
    /// What the pipeline file's `config` table is read as.
    type Config: DeserializeOwned + 'static;

    /// Calls the function for every record of the batch.
    fn process(&self, config: &'a Self::Config, batch: &'a mut Batch, out: &mut Output);
}

/// Marks functions of a record.
#[derive(Debug)]
pub struct Plain<I, O>(PhantomData<fn(I) -> O>);

/// Marks functions of a record and the configuration.
#[derive(Debug)]
pub struct Configured<I, C, O>(PhantomData<fn(I, C) -> O>);

/// Marks functions that change a value in place.
#[derive(Debug)]
pub struct InPlace<O>(PhantomData<fn() -> O>);

/// Marks functions that change a value in place, and look at the configuration.
#[derive(Debug)]
pub struct InPlaceConfigured<C, O>(PhantomData<fn(C) -> O>);

/// What a function that changes a value in place may return.
#[diagnostic::on_unimplemented(
    message = "a function that changes a value in place cannot return `{Self}`",
    note = "it returns nothing, or a `Result<(), E>`"
)]
pub trait Verdict {
    /// Why the record failed, if it did.
    fn failure(self) -> Option<Failure>;
}

impl Verdict for () {
    #[inline]
    fn failure(self) -> Option<Failure> {
        None
    }
}

impl<E: Into<Failure>> Verdict for Result<(), E> {
    #[inline]
    fn failure(self) -> Option<Failure> {
        self.err().map(Into::into)
    }
}

impl<'a, F, I, O> StageFunction<'a, Plain<I, O>> for F
where
    F: Fn(I) -> O,
    I: FromRecord<'a>,
    O: IntoOutputs,
{
    type Config = config::Nothing;

    #[inline]
    fn process(&self, _: &'a Self::Config, batch: &'a mut Batch, out: &mut Output) {
        out.each(batch, |record, out| self(I::from_record(record)?).into_outputs(record, out));
    }
}

impl<'a, F, I, C, O> StageFunction<'a, Configured<I, C, O>> for F
where
    F: Fn(I, &'a C) -> O,
    I: FromRecord<'a>,
    C: DeserializeOwned + 'static,
    O: IntoOutputs,
{
    type Config = C;

    #[inline]
    fn process(&self, config: &'a C, batch: &'a mut Batch, out: &mut Output) {
        out.each(batch, |record, out| self(I::from_record(record)?, config).into_outputs(record, out));
    }
}

impl<'a, F, O> StageFunction<'a, InPlace<O>> for F
where
    F: Fn(&mut [u8]) -> O,
    O: Verdict,
{
    type Config = config::Nothing;

    #[inline]
    fn process(&self, _: &'a Self::Config, batch: &'a mut Batch, out: &mut Output) {
        change_in_place(batch, out, |value| self(value).failure());
    }
}

impl<'a, F, C, O> StageFunction<'a, InPlaceConfigured<C, O>> for F
where
    F: Fn(&mut [u8], &'a C) -> O,
    C: DeserializeOwned + 'static,
    O: Verdict,
{
    type Config = C;

    #[inline]
    fn process(&self, config: &'a C, batch: &'a mut Batch, out: &mut Output) {
        change_in_place(batch, out, |value| self(value, config).failure());
    }
}

#[inline]
fn change_in_place(batch: &mut Batch, out: &mut Output, mut change: impl FnMut(&mut [u8]) -> Option<Failure>) {
    let mut failures = Vec::new();
    let mut start = 0;
    for (index, &end) in (0_u32..).zip(&batch.values.ends) {
        let value = batch.values.data.get_mut(start..end as usize).unwrap_or_default();
        if let Some(failure) = change(value) {
            failures.push((index, failure));
        }
        start = end as usize;
    }
    out.adopt(batch, failures);
}

/// Reads the configuration of a function stage.
///
/// # Errors
/// What does not fit, with the name of its field.
pub fn config_of<'a, F, M>(_: &F, text: &str) -> Result<F::Config, Failure>
where
    F: StageFunction<'a, M>,
{
    config::parse(text)
}

/// Calls a function stage for a batch: [`StageFunction::process`] with its marker inferred.
#[inline]
pub fn call<'a, F, M>(function: &F, config: &'a F::Config, batch: &'a mut Batch, out: &mut Output)
where
    F: StageFunction<'a, M>,
{
    function.process(config, batch, out);
}

/// An instance of a function stage, of a closure that knows the function and owns its configuration.
pub fn instance(process: impl Fn(&mut Batch, &mut Output) + 'static) -> Box<dyn Instance> {
    Box::new(FunctionInstance(process))
}

struct FunctionInstance<P>(P);

impl<P> fmt::Debug for FunctionInstance<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FunctionInstance")
    }
}

impl<P: Fn(&mut Batch, &mut Output)> Instance for FunctionInstance<P> {
    fn process(&mut self, mut batch: Batch) -> Outcome {
        let mut out = Output::for_batch(&batch);
        (self.0)(&mut batch, &mut out);
        out.finish()
    }

    fn flush(&mut self) -> Result<Outcome, Failure> {
        Ok(Outcome::default())
    }
}
