//! Warm instances: `open` runs once, what it has made of its instance becomes a component of its own, and instances of
//! that one are open as soon as they are made.
//!
//! This is sound where nothing but the memories and globals of an instance remembers its `open`. Two things see to that.
//! The instance whose image is taken has nothing behind its imports but the log: any other call ends it, and the stage is
//! opened the ordinary way. So an image holds nothing that the host gave, no secret, no file, no time, and no handle to
//! any of them. And components with state elsewhere are refused before (`fitness`). Whatever fails here costs time, never
//! the run: the reason is told, and instances are opened one by one.

mod fitness;
mod image;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wasmtime_wizer::Wizer;

use super::cache;
use super::component::Component;
use super::engine::Engine;
use super::store::Terms;
use crate::plan::Limits;
use crate::pool::WorkerId;
use image::Image;

/// Changes when images of an earlier version must not be used any more.
const VERSION: &str = concat!("warm 2, ", env!("CARGO_PKG_VERSION"));

/// What is opened, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening<'a> {
    pub(super) component: &'a Component,
    pub(super) config: &'a str,
    pub(super) terms: &'a Terms,
    pub(super) worker: &'a WorkerId,
}

/// Why a stage's instances are opened one by one.
#[derive(Debug)]
pub(super) enum Cold {
    /// It would be so at the next start, too.
    Lasting(String),
    /// At another time it may not be so.
    Passing(String),
}

impl Cold {
    fn lasting(why: impl Into<String>) -> Self {
        Self::Lasting(why.into())
    }

    pub(super) fn into_words(self) -> String {
        match self {
            Self::Lasting(why) | Self::Passing(why) => why,
        }
    }
}

impl Opening<'_> {
    /// The component with its `open` behind it: from the cache, else made and put there.
    ///
    /// # Errors
    /// Why there can be none.
    pub(super) async fn warm(&self) -> Result<Component, Cold> {
        if self.terms.voice.knows(self.config) {
            // An image holds the configuration, and lies in a file.
            return Err(Cold::lasting("its configuration has a secret in it"));
        }
        let (engine, key) = (self.component.engine.clone(), self.key());
        let found = {
            let key = key.clone();
            blocking(move || Ok((engine.cache.find(&engine.wasmtime, &key), engine.cache.noted(&key)))).await?
        };
        match found {
            (Some(found), _) => return Ok(self.component.with(found)),
            (None, Some(why)) => return Err(Cold::Lasting(why)),
            (None, None) => {}
        }
        let made = self.make(&key).await;
        if let Err(Cold::Lasting(why)) = &made {
            // What is in vain is not tried at each start: it takes a compilation, and an `open` that takes long.
            let (engine, why) = (self.component.engine.clone(), why.clone());
            let note = move || {
                engine.cache.note(&key, &why);
                Ok(())
            };
            blocking(note).await?;
        }
        made.map(|made| self.component.with(made))
    }

    async fn make(&self, key: &str) -> Result<wasmtime::component::Component, Cold> {
        let Limits { compile: most, component: bytes_max, .. } = self.terms.limits;
        let (engine, wasm) = (self.component.engine.clone(), Arc::clone(&self.component.wasm));
        let (instrumented, engine, wasm) = blocking(move || {
            fitness::check(&wasm).map_err(Cold::Lasting)?;
            Ok((instrumented(&engine, &wasm, most)?, engine, wasm))
        })
        .await?;
        let image = Image::take(&instrumented, self).await?;
        let key = key.to_owned();
        blocking(move || {
            let snapshot = snapshot(wasm, image, most)?;
            if snapshot.len() as u64 > bytes_max.get() {
                let bytes = bytesize::ByteSize(snapshot.len() as u64).display().iec();
                return Err(Cold::Lasting(format!("its image is {bytes} large, more than limits.component allows")));
            }
            let loaded = engine.cache.load(&engine, &snapshot.into(), &key, most);
            let compiled = loaded.ok_or_else(|| slow(most))?;
            compiled.map_err(|error| Cold::Lasting(format!("its image does not compile: {error:#}")))
        })
        .await
    }

    /// What an image depends on. The engine's settings are the cache's part.
    fn key(&self) -> String {
        let sha256 = &self.component.inspection().sha256;
        let Limits { memory, table, instances, component, .. } = self.terms.limits;
        cache::sha256(
            format!("{VERSION}\n{sha256}\n{memory} {table} {instances} {component}\n{}", self.config).as_bytes(),
        )
    }
}

/// The component with a way in to everything that an image is made of.
fn instrumented(engine: &Engine, wasm: &Arc<[u8]>, most: Duration) -> Result<wasmtime::component::Component, Cold> {
    let wasm = Arc::clone(wasm);
    let rewrite = move || wizer().instrument_component(&wasm).map(|(_, instrumented)| Arc::from(instrumented));
    let instrumented = cache::within(most, rewrite).ok_or_else(|| slow(most))?.map_err(|error| impossible(&error))?;
    let compiled = engine.cache.compile_for_now(engine, &instrumented, most);
    compiled.ok_or_else(|| slow(most))?.map_err(|error| impossible(&error))
}

/// The component, with the image in place of what its instances begin with.
fn snapshot(wasm: Arc<[u8]>, mut image: Image, most: Duration) -> Result<Vec<u8>, Cold> {
    let rewrite = move || {
        let wizer = wizer();
        // Once more: what the first time has learnt borrows from the component, and would have to wait with it.
        let (context, _) = wizer.instrument_component(&wasm)?;
        let snapshot = pin!(wizer.snapshot_component(&context, &mut image));
        match snapshot.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(snapshot) => snapshot,
            Poll::Pending => wasmtime::bail!("an image that lies ready was waited for"),
        }
    };
    cache::within(most, rewrite).ok_or_else(|| slow(most))?.map_err(|error| impossible(&error))
}

fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    // No export is taken away: `open` stays, and is not called.
    wizer.keep_init_func(true);
    wizer
}

fn impossible(error: &wasmtime::Error) -> Cold {
    Cold::Lasting(format!("no image can be taken of it: {}", error.root_cause()))
}

fn slow(most: Duration) -> Cold {
    Cold::Passing(format!("its image is not compiled after {}", humantime::format_duration(most)))
}

/// On a thread that may take its time.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Cold> + Send + 'static) -> Result<T, Cold> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Cold::Passing(error.to_string())))
}
