//! The image of an instance after its `open`: the contents of its memories, the values of its globals.

use std::collections::HashMap;
use std::io::{self, Write};

use wasmtime::component::types::{ComponentItem, Type};
use wasmtime::component::{ComponentExportIndex, ComponentType, HasSelf, Instance, Lift, Linker, WasmList};
use wasmtime::{Result, Store, bail};
use wasmtime_wizer::ComponentInstanceState;

use super::super::bindings::stage::Stage;
use super::super::bindings::stage::sandmill::stage::host;
use super::super::instance::{OPEN_BUDGET, call, metered_store, rest_of_open};
use super::super::limits::MEMORIES_MAX;
use super::super::store::HostState;
use super::{Cold, Opening};
use sandmill_engine::program::GuestFailure;
use sandmill_engine::time::Instant;

/// Where the transform puts its ways in.
const ACCESS: &str = "wasmtime:wizer/access";
/// The ways in need a page of each memory.
const SPARE_BYTES: u64 = (MEMORIES_MAX as u64) << 16;
/// Memory of which an image is taken. Arbitrary: four copies of it are made on the way.
const BYTES_MAX: u64 = 256 << 20;

/// The state of one instance, by the names of the ways in.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Image(HashMap<String, Value>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    Memory(Vec<u8>),
}

impl Image {
    /// Makes an instance that reaches nothing but its log, which nobody hears, opens it, and looks at what has become
    /// of it.
    pub(super) async fn take(
        instrumented: &wasmtime::component::Component,
        opening: &Opening<'_>,
    ) -> Result<Self, Cold> {
        let engine = instrumented.engine();
        let mut linker = Linker::new(engine);
        let linked = host::add_to_linker::<HostState, HasSelf<_>>(&mut linker, |state| state)
            .and_then(|()| linker.define_unknown_imports_as_traps(instrumented))
            .and_then(|()| linker.instantiate_pre(instrumented))
            .map_err(|error| Cold::Lasting(format!("no image can be taken of it: {}", error.root_cause())))?;
        let settings = opening.settings.unheard();
        let mut store = metered_store(engine, HostState::new(&settings, opening.worker), &settings.limits);
        let begun = Instant::now();
        let cold = |failure: GuestFailure| {
            let why = settings.guest_output.legible(&in_words(&failure));
            if hangs_on_the_machine(&failure) { Cold::Passing(why) } else { Cold::Lasting(why) }
        };
        let made = call(&mut store, OPEN_BUDGET, async |store| linked.instantiate_async(store).await);
        let instance = made.await.map_err(cold)?;
        let rest = rest_of_open(&store, begun);
        let opened = call(&mut store, rest, async |store| {
            let stage = Stage::new(&mut *store, &instance)?;
            stage.sandmill_stage_transform().call_open(store, opening.config).await
        });
        opened.await.and_then(|opened| opened.map_err(GuestFailure::Returned)).map_err(cold)?;
        let memory = &mut store.data_mut().memory;
        if memory.was_denied() {
            return Err(Cold::lasting("its `open` runs with less memory than it asks for"));
        }
        if memory.used() > BYTES_MAX {
            return Err(Cold::Lasting(format!("it has more than {} MiB of memory", BYTES_MAX >> 20)));
        }
        memory.allow(SPARE_BYTES);
        let read = call(&mut store, OPEN_BUDGET, async |store| read(store, instrumented, &instance).await);
        read.await.map_err(cold)
    }

    fn of(&self, name: &str) -> &Value {
        self.0.get(name).expect("every export was taken")
    }

    /// Bytes of memory that it holds.
    pub(in super::super) fn bytes(&self) -> u64 {
        let bytes = |value: &Value| if let Value::Memory(bytes) = value { bytes.len() as u64 } else { 0 };
        self.0.values().map(bytes).sum()
    }

    /// Writes it for another process of this program: of each value its name, a letter, and its bytes, with the lengths
    /// before them.
    pub(in super::super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        for (name, value) in &self.0 {
            let number;
            let (letter, bytes): (u8, &[u8]) = match value {
                Value::Memory(bytes) => (b'm', bytes),
                Value::I64(value) => {
                    number = value.to_le_bytes();
                    (b'I', &number)
                }
                Value::F64(value) => {
                    number = value.to_le_bytes();
                    (b'F', &number)
                }
                Value::I32(value) => {
                    number = i64::from(*value).to_le_bytes();
                    (b'i', &number)
                }
                Value::F32(value) => {
                    number = u64::from(*value).to_le_bytes();
                    (b'f', &number)
                }
            };
            for part in [name.as_bytes(), bytes] {
                to.write_all(&(part.len() as u64).to_le_bytes())?;
                to.write_all(part)?;
            }
            to.write_all(&[letter])?;
        }
        Ok(())
    }

    /// Reads what [`Self::write`] wrote.
    pub(in super::super) fn read(mut from: &[u8]) -> Option<Self> {
        let mut image = Self::default();
        while !from.is_empty() {
            let (name, bytes) = (part(&mut from)?, part(&mut from)?);
            let (letter, rest) = from.split_first()?;
            from = rest;
            let number = || bytes.try_into().ok().map(u64::from_le_bytes);
            let value = match letter {
                b'm' => Value::Memory(bytes.to_vec()),
                b'I' => Value::I64(number()?.cast_signed()),
                b'F' => Value::F64(number()?),
                b'i' => Value::I32(i32::try_from(number()?.cast_signed()).ok()?),
                b'f' => Value::F32(u32::try_from(number()?).ok()?),
                _ => return None,
            };
            image.0.insert(String::from_utf8(name.to_vec()).ok()?, value);
        }
        Some(image)
    }
}

/// Takes the next bytes, which their length stands before.
fn part<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = from.split_first_chunk()?;
    let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    *from = rest;
    Some(part)
}

async fn read(
    store: &mut Store<HostState>,
    instrumented: &wasmtime::component::Component,
    instance: &Instance,
) -> Result<Image> {
    let (engine, mut image) = (store.engine().clone(), Image::default());
    let Some((ComponentItem::ComponentInstance(ways), access)) = instrumented.get_export(None, ACCESS) else {
        bail!("its exports are missing");
    };
    for (name, export) in ways.exports(&engine) {
        let ComponentItem::ComponentFunc(way) = &export.ty else { bail!("an export is not a function") };
        let Some(index) = instrumented.get_export_index(Some(&access), name) else { bail!("an export is missing") };
        let value = match way.results().next() {
            Some(Type::S32) => Value::I32(get(store, instance, &index).await?),
            Some(Type::S64) => Value::I64(get(store, instance, &index).await?),
            Some(Type::Float32) => Value::F32(get::<f32>(store, instance, &index).await?.to_bits()),
            Some(Type::Float64) => Value::F64(get::<f64>(store, instance, &index).await?.to_bits()),
            Some(Type::List(_)) => {
                let memory: WasmList<u8> = get(store, instance, &index).await?;
                Value::Memory(memory.as_le_slice(&*store).to_vec())
            }
            other => bail!("an export returns {other:?}"),
        };
        image.0.insert(name.to_owned(), value);
    }
    Ok(image)
}

async fn get<T: ComponentType + Lift + Send + Sync + 'static>(
    store: &mut Store<HostState>,
    instance: &Instance,
    index: &ComponentExportIndex,
) -> Result<T> {
    let way = instance.get_typed_func::<(), (T,)>(&mut *store, index)?;
    way.call_async(store, ()).await.map(|(value,)| value)
}

/// With more time there may be an image.
fn hangs_on_the_machine(failure: &GuestFailure) -> bool {
    matches!(failure, GuestFailure::CpuLimit { .. } | GuestFailure::WallLimit { .. })
}

/// Why `open` came to nothing here, though it has passed before.
fn in_words(failure: &GuestFailure) -> String {
    let told = failure.to_string();
    // The engine's message for an import that is not provided.
    let called = told.split_once("unknown import: `").and_then(|(_, rest)| rest.split_once('`'));
    match called {
        Some((import, _)) => format!("its `open` calls {import}"),
        // The engine's message for a handle that nobody has made, which the making of one is here.
        None if told.contains("unknown handle index") => "its `open` makes a resource".to_owned(),
        None => format!("no image can be taken of it: {told}"),
    }
}

impl ComponentInstanceState for Image {
    async fn call_func_ret_list_u8(&mut self, _: &str, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let Value::Memory(bytes) = self.of(name) else { unreachable!("{name} is a memory") };
        contents(bytes);
    }

    async fn call_func_ret_s32(&mut self, _: &str, name: &str) -> i32 {
        let Value::I32(value) = self.of(name) else { unreachable!("{name} is an s32") };
        *value
    }

    async fn call_func_ret_s64(&mut self, _: &str, name: &str) -> i64 {
        let Value::I64(value) = self.of(name) else { unreachable!("{name} is an s64") };
        *value
    }

    async fn call_func_ret_f32(&mut self, _: &str, name: &str) -> u32 {
        let Value::F32(value) = self.of(name) else { unreachable!("{name} is an f32") };
        *value
    }

    async fn call_func_ret_f64(&mut self, _: &str, name: &str) -> u64 {
        let Value::F64(value) = self.of(name) else { unreachable!("{name} is an f64") };
        *value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_read_as_it_was_written() {
        let values = [
            ("memory0", Value::Memory(vec![1, 2, 3])),
            ("memory1", Value::Memory(Vec::new())),
            ("a", Value::I32(i32::MIN)),
            ("b", Value::I64(-1)),
            ("c", Value::F32(f32::NAN.to_bits())),
            ("d", Value::F64(1)),
        ];
        let image = Image(values.map(|(name, value)| (name.to_owned(), value)).into());
        let mut written = Vec::new();
        image.write(&mut written).unwrap();
        assert_eq!(Image::read(&written).unwrap().0, image.0);
        assert_eq!(image.bytes(), 3);
        written.pop();
        assert!(Image::read(&written).is_none(), "it ends too early");
    }
}
