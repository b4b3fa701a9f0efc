//! Warm instances: `open` runs once, what it has made of its instance becomes a component of its own, and instances of
//! that one are open as soon as they are made.
//!
//! This is sound where nothing but the memories and globals of an instance remembers its `open`. Two things see to
//! that. The imports of the instance whose image is taken reach nothing but the log, and it can make no resource: any
//! such call ends it, and the stage is opened the ordinary way. So an image holds nothing that the host gave, no
//! secret, no file, no time, and no handle to any of them; and an instance that begins with it is what it would be had
//! it been opened itself. So it does not matter when the image is ready: instances made before that are opened, and no
//! output tells them apart. Components with state elsewhere are refused before (`fitness`). Whatever fails here costs
//! time, never the run: the reason is reported, and instances are opened one by one.

mod fitness;
mod image;
mod making;
pub(super) mod rewrite;
mod segments;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;

use super::cache;
use super::compiler::Wait;
use super::component::Component;
use super::store::InstanceSettings;
use super::work::{Unfit, Work};
pub(super) use image::Image;
pub(super) use making::ImageToMake;
use sandmill_engine::plan::Limits;
use sandmill_engine::program::WorkerId;

/// Changes when images of an earlier version, or reasons against one, must not be used any more.
const VERSION: &str = concat!("warm 6, ", env!("CARGO_PKG_VERSION"));

/// The component that is opened, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening<'a> {
    pub(super) component: &'a Component,
    pub(super) config: &'a str,
    pub(super) settings: &'a InstanceSettings,
    pub(super) worker: &'a WorkerId,
}

/// Why a stage's instances are opened one by one.
#[derive(Debug)]
pub(super) enum Cold {
    /// It would be so at the next start, too.
    Lasting(String),
    /// At another time it may not be so.
    Passing(String),
    /// Nobody waits for the image any more.
    Stopped,
}

impl Cold {
    fn lasting(why: impl Into<String>) -> Self {
        Self::Lasting(why.into())
    }

    pub(super) fn into_words(self) -> String {
        match self {
            Self::Lasting(why) | Self::Passing(why) => why,
            Self::Stopped => "its image was no longer needed".to_owned(),
        }
    }
}

impl Opening<'_> {
    /// The component with its `open` done, if the cache has it. `None`: nobody has tried to make it.
    ///
    /// # Errors
    /// Why there can be none, where that is known.
    pub(super) async fn find(&self) -> Result<Option<Component>, Cold> {
        if self.settings.guest_output.knows(self.config) {
            // An image holds the configuration, and lies in a file.
            return Err(Cold::lasting("its configuration contains a secret"));
        }
        let (engine, key) = (self.component.engine.clone(), self.key());
        let find = move || (engine.cache.find(&engine.wasmtime, &key), engine.cache.noted(&key));
        let found = tokio::task::spawn_blocking(find).await;
        match found.map_err(|error| Cold::Passing(error.to_string()))? {
            (Some(found), _) => Ok(Some(self.component.with(found))),
            (None, Some(why)) => Err(Cold::Lasting(why)),
            (None, None) => Ok(None),
        }
    }

    /// Makes that component, and puts it into the cache. Takes its time, on this thread.
    ///
    /// # Errors
    /// Why there can be none, which is noted in the cache where it would be the same at the next start: to find out
    /// takes a compilation, and an `open` that takes long.
    pub(super) fn make(&self, wait: &Wait) -> Result<Component, Cold> {
        let key = self.key();
        let made = self.made(&key, wait);
        if let Err(Cold::Lasting(why)) = &made {
            self.component.engine.cache.note(&key, why);
        }
        made.map(|made| self.component.with(made))
    }

    fn made(&self, key: &str, wait: &Wait) -> Result<wasmtime::component::Component, Cold> {
        let (engine, wasm) = (&self.component.engine, &self.component.wasm);
        let work = Work::Instrumented(Arc::clone(wasm));
        let instrumented = engine.cache.compile_for_now(engine, &work, wait);
        let instrumented = compiled(instrumented, wait, "no image can be taken of it")?;
        let image = Arc::new(self.take(&instrumented, wait)?);
        let bytes_max = self.settings.limits.component.get();
        let work = Work::Imaged { wasm: Arc::clone(wasm), image, bytes_max };
        compiled(engine.cache.load(engine, &work, key, wait), wait, "its image does not compile")
    }

    /// Takes the image on this thread, until nobody waits for it any more.
    fn take(&self, instrumented: &wasmtime::component::Component, wait: &Wait) -> Result<Image, Cold> {
        let runtime = runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| Cold::Passing(format!("no image can be taken of it: {error}")))?;
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = wait.stop.cancelled() => Err(Cold::Stopped),
                taken = Image::take(instrumented, self) => taken,
            }
        })
    }

    /// The name of an image: everything that it depends on. The engine's settings are the cache's part.
    fn key(&self) -> String {
        let sha256 = &self.component.inspection().sha256;
        let Limits { memory, table, instances, component, .. } = self.settings.limits;
        cache::sha256(
            format!("{VERSION}\n{sha256}\n{memory} {table} {instances} {component}\n{}", self.config).as_bytes(),
        )
    }
}

/// The result of a compilation, which `wait` did not outlast when there is nothing.
fn compiled<T>(of: Option<wasmtime::Result<T>>, wait: &Wait, failed: &str) -> Result<T, Cold> {
    match of {
        Some(Ok(compiled)) => Ok(compiled),
        Some(Err(error)) => Err(Cold::Lasting(match error.downcast_ref::<Unfit>() {
            Some(Unfit(why)) => why.clone(),
            None => format!("{failed}: {}", error.root_cause()),
        })),
        None if wait.stop.is_cancelled() => Err(Cold::Stopped),
        None => Err(slow(wait.most)),
    }
}

fn slow(most: Duration) -> Cold {
    Cold::Passing(format!("its image was not compiled within {}", humantime::format_duration(most)))
}
