//! Rewrites components on the way to an image: with ways in, and with the image.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime_wizer::Wizer;

use super::super::work::Unfit;
use super::{Image, fitness, segments};

/// The component with a way in to everything that an image is made of. None of its instances can make a resource.
///
/// # Errors
/// When an image cannot hold everything that its instances may remember.
pub(in super::super) fn instrumented(wasm: &[u8]) -> Result<Vec<u8>, Unfit> {
    fitness::check(wasm).map_err(Unfit)?;
    let (_, mut instrumented) = wizer().instrument_component(wasm).map_err(|error| impossible(&error))?;
    fitness::forbid_resources(&mut instrumented).map_err(Unfit)?;
    Ok(instrumented)
}

/// The component, with `image` in place of what its instances begin with.
///
/// # Errors
/// When the image does not fit in it.
pub(in super::super) fn with_image(wasm: &[u8], mut image: Image) -> Result<Vec<u8>, Unfit> {
    let wizer = wizer();
    // Once more: what the first time has learnt borrows from the component, and would have to wait with it.
    let (context, _) = wizer.instrument_component(wasm).map_err(|error| impossible(&error))?;
    let snapshot = pin!(wizer.snapshot_component(&context, &mut image));
    match snapshot.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(made)) => segments::without_empty_ones(&made).map_err(|error| impossible(&error.into())),
        Poll::Ready(Err(error)) => Err(impossible(&error)),
        Poll::Pending => Err(Unfit("an image that lies ready was waited for".to_owned())),
    }
}

fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    // No export is taken away: `open` stays, and is not called.
    wizer.keep_init_func(true);
    wizer
}

fn impossible(error: &wasmtime::Error) -> Unfit {
    Unfit(format!("no image can be taken of it: {}", error.root_cause()))
}
