// Made by scripts/bindings of ../../wit/stage.wit, whose SHA-256 is
// d916935e81aacb0b4772c025cb1e2b2faededac397b06590b5c35ca3e9b24b3e
#[allow(dead_code, clippy::all)]
pub mod sandmill {
    pub mod stage {
        /// What every stage may say to its host. It grants no reach: no file, host, variable or clock.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod host {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum Level {
                Debug,
                Info,
                Warn,
                Error,
            }
            impl ::core::fmt::Debug for Level {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Level::Debug => f.debug_tuple("Level::Debug").finish(),
                        Level::Info => f.debug_tuple("Level::Info").finish(),
                        Level::Warn => f.debug_tuple("Level::Warn").finish(),
                        Level::Error => f.debug_tuple("Level::Error").finish(),
                    }
                }
            }
            impl Level {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> Level {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => Level::Debug,
                        1 => Level::Info,
                        2 => Level::Warn,
                        3 => Level::Error,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// One line for the person who runs the pipeline; the host adds stage and worker, and bounds its length.
            #[allow(async_fn_in_trait)]
            pub fn log(level: Level, message: &str) -> () {
                unsafe {
                    let vec0 = message;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "sandmill:stage/host@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "log"]
                        fn wit_import1(_: i32, _: *mut u8, _: usize);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: i32, _: *mut u8, _: usize) {
                        unreachable!()
                    }
                    wit_import1(level.clone() as i32, ptr0.cast_mut(), len0);
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// A fragment of what the guest prints: any bytes, in pieces of any length. The host joins the fragments of a level to lines
            /// and treats each as it treats a line of `log`; the end of a call ends its last line. What is not UTF-8 is made legible.
            #[allow(async_fn_in_trait)]
            pub fn write(level: Level, bytes: &[u8]) -> () {
                unsafe {
                    let vec0 = bytes;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "sandmill:stage/host@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "write"]
                        fn wit_import1(_: i32, _: *mut u8, _: usize);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: i32, _: *mut u8, _: usize) {
                        unreachable!()
                    }
                    wit_import1(level.clone() as i32, ptr0.cast_mut(), len0);
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Ends the instance, as a trap does: the call does not return. Message and place reach the user. For a panic, and for
            /// whatever else leaves the instance unfit for another record; a failure of one record belongs in the outcome.
            #[allow(async_fn_in_trait)]
            pub fn panicked(message: &str, place: &str) -> () {
                unsafe {
                    let vec0 = message;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let vec1 = place;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "sandmill:stage/host@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "panicked"]
                        fn wit_import2(_: *mut u8, _: usize, _: *mut u8, _: usize);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                    ) {
                        unreachable!()
                    }
                    wit_import2(ptr0.cast_mut(), len0, ptr1.cast_mut(), len1);
                }
            }
        }
        /// What crosses the sandbox boundary. Columns, because one list of bytes and one of offsets cross in two copies,
        /// whatever the number of records. The host trusts none of it: see each field for what it checks.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod types {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            /// Byte strings back to back: value i is data[ends[i-1]..ends[i]], with ends[-1] = 0.
            /// `ends` never descends, and its last element is the length of `data`.
            #[derive(Clone)]
            pub struct Column {
                pub data: _rt::Vec<u8>,
                pub ends: _rt::Vec<u32>,
            }
            impl ::core::fmt::Debug for Column {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Column")
                        .field("data", &self.data)
                        .field("ends", &self.ends)
                        .finish()
                }
            }
            /// `keys.ends` is empty when no record has a key; otherwise both columns have the same length.
            /// A record without a key, beside others that have one, has an empty key.
            #[derive(Clone)]
            pub struct Batch {
                pub values: Column,
                pub keys: Column,
            }
            impl ::core::fmt::Debug for Batch {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Batch")
                        .field("values", &self.values)
                        .field("keys", &self.keys)
                        .finish()
                }
            }
            /// Why input record `index` failed. `retryable`: the same record may succeed later.
            #[derive(Clone)]
            pub struct Failure {
                pub index: u32,
                pub retryable: bool,
                pub message: _rt::String,
            }
            impl ::core::fmt::Debug for Failure {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Failure")
                        .field("index", &self.index)
                        .field("retryable", &self.retryable)
                        .field("message", &self.message)
                        .finish()
                }
            }
            /// What became of each input record: it has outputs, or a failure, or neither (dropped on purpose, or held until
            /// `flush`). A record with outputs has no failure.
            #[derive(Clone)]
            pub struct Outcome {
                pub emitted: Batch,
                /// origins[i]: the input record that output i comes from, never descending.
                /// Empty: one to one, in order, and no failures. Always empty from `flush`.
                pub origins: _rt::Vec<u32>,
                /// ports[i]: the named output that output i goes to. Empty: all to the first.
                pub ports: _rt::Vec<u16>,
                /// At most one for each input record, in any order.
                pub failures: _rt::Vec<Failure>,
            }
            impl ::core::fmt::Debug for Outcome {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Outcome")
                        .field("emitted", &self.emitted)
                        .field("origins", &self.origins)
                        .field("ports", &self.ports)
                        .field("failures", &self.failures)
                        .finish()
                }
            }
        }
    }
}
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod sandmill {
        pub mod stage {
            /// A source: makes records from nothing but its configuration.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod source {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                pub type Batch = super::super::super::super::sandmill::stage::types::Batch;
                #[derive(Clone)]
                pub struct Chunk {
                    pub records: Batch,
                    /// Where the next chunk begins: given back to `open` when a run is resumed. Opaque to the host.
                    pub cursor: _rt::String,
                    /// No more after this chunk.
                    pub done: bool,
                }
                impl ::core::fmt::Debug for Chunk {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("Chunk")
                            .field("records", &self.records)
                            .field("cursor", &self.cursor)
                            .field("done", &self.done)
                            .finish()
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_open_cabi<T_: Guest>(
                    arg0: *mut u8,
                    arg1: usize,
                    arg2: i32,
                    arg3: *mut u8,
                    arg4: usize,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result2 = {
                            let len0 = arg1;
                            let bytes0 = _rt::Vec::from_raw_parts(
                                arg0.cast(),
                                len0,
                                len0,
                            );
                            T_::open(
                                _rt::string_lift(bytes0),
                                match arg2 {
                                    0 => None,
                                    1 => {
                                        let e = {
                                            let len1 = arg4;
                                            let bytes1 = _rt::Vec::from_raw_parts(
                                                arg3.cast(),
                                                len1,
                                                len1,
                                            );
                                            _rt::string_lift(bytes1)
                                        };
                                        Some(e)
                                    }
                                    _ => _rt::invalid_enum_discriminant(),
                                },
                            )
                        };
                        let ptr3 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result2 {
                            Ok(_) => {
                                *ptr3.add(0).cast::<u8>() = (0i32) as u8;
                            }
                            Err(e) => {
                                *ptr3.add(0).cast::<u8>() = (1i32) as u8;
                                let vec4 = (e.into_bytes()).into_boxed_slice();
                                let ptr4 = vec4.as_ptr().cast::<u8>();
                                let len4 = vec4.len();
                                ::core::mem::forget(vec4);
                                *ptr3
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len4;
                                *ptr3
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr4.cast_mut();
                            }
                        };
                        ptr3
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_open<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l2 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l1, l2, 1);
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_pull_cabi<T_: Guest>(arg0: i32) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::pull(arg0 as u32) };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result0 {
                            Ok(e) => {
                                *ptr1.add(0).cast::<u8>() = (0i32) as u8;
                                let Chunk {
                                    records: records2,
                                    cursor: cursor2,
                                    done: done2,
                                } = e;
                                let super::super::super::super::sandmill::stage::types::Batch {
                                    values: values3,
                                    keys: keys3,
                                } = records2;
                                let super::super::super::super::sandmill::stage::types::Column {
                                    data: data4,
                                    ends: ends4,
                                } = values3;
                                let vec5 = <_ as Into<_rt::Vec<_>>>::into(data4)
                                    .into_boxed_slice();
                                let ptr5 = vec5.as_ptr().cast::<u8>();
                                let len5 = vec5.len();
                                ::core::mem::forget(vec5);
                                *ptr1
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len5;
                                *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr5.cast_mut();
                                let vec6 = <_ as Into<_rt::Vec<_>>>::into(ends4)
                                    .into_boxed_slice();
                                let ptr6 = vec6.as_ptr().cast::<u8>();
                                let len6 = vec6.len();
                                ::core::mem::forget(vec6);
                                *ptr1
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len6;
                                *ptr1
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr6.cast_mut();
                                let super::super::super::super::sandmill::stage::types::Column {
                                    data: data7,
                                    ends: ends7,
                                } = keys3;
                                let vec8 = <_ as Into<_rt::Vec<_>>>::into(data7)
                                    .into_boxed_slice();
                                let ptr8 = vec8.as_ptr().cast::<u8>();
                                let len8 = vec8.len();
                                ::core::mem::forget(vec8);
                                *ptr1
                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len8;
                                *ptr1
                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr8.cast_mut();
                                let vec9 = <_ as Into<_rt::Vec<_>>>::into(ends7)
                                    .into_boxed_slice();
                                let ptr9 = vec9.as_ptr().cast::<u8>();
                                let len9 = vec9.len();
                                ::core::mem::forget(vec9);
                                *ptr1
                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len9;
                                *ptr1
                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr9.cast_mut();
                                let vec10 = (cursor2.into_bytes()).into_boxed_slice();
                                let ptr10 = vec10.as_ptr().cast::<u8>();
                                let len10 = vec10.len();
                                ::core::mem::forget(vec10);
                                *ptr1
                                    .add(10 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len10;
                                *ptr1
                                    .add(9 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr10.cast_mut();
                                *ptr1
                                    .add(11 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (match done2 {
                                    true => 1,
                                    false => 0,
                                }) as u8;
                            }
                            Err(e) => {
                                *ptr1.add(0).cast::<u8>() = (1i32) as u8;
                                let vec11 = (e.into_bytes()).into_boxed_slice();
                                let ptr11 = vec11.as_ptr().cast::<u8>();
                                let len11 = vec11.len();
                                ::core::mem::forget(vec11);
                                *ptr1
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len11;
                                *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr11.cast_mut();
                            }
                        };
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_pull<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {
                                let l1 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l2 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base3 = l1;
                                let len3 = l2;
                                _rt::cabi_dealloc(base3, len3 * 1, 1);
                                let l4 = *arg0
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l5 = *arg0
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base6 = l4;
                                let len6 = l5;
                                _rt::cabi_dealloc(base6, len6 * 4, 4);
                                let l7 = *arg0
                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l8 = *arg0
                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base9 = l7;
                                let len9 = l8;
                                _rt::cabi_dealloc(base9, len9 * 1, 1);
                                let l10 = *arg0
                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l11 = *arg0
                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base12 = l10;
                                let len12 = l11;
                                _rt::cabi_dealloc(base12, len12 * 4, 4);
                                let l13 = *arg0
                                    .add(9 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l14 = *arg0
                                    .add(10 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l13, l14, 1);
                            }
                            _ => {
                                let l15 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l16 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l15, l16, 1);
                            }
                        }
                    }
                }
                pub trait Guest {
                    /// `cursor`: where to begin; none at the start of the input.
                    #[allow(async_fn_in_trait)]
                    fn open(
                        config: _rt::String,
                        cursor: ::core::option::Option<_rt::String>,
                    ) -> ::core::result::Result<(), _rt::String>;
                    /// At most `max` records; fewer, or none, is no end: only `done` is.
                    #[allow(async_fn_in_trait)]
                    fn pull(max: u32) -> ::core::result::Result<Chunk, _rt::String>;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_sandmill_stage_source_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "sandmill:stage/source@0.1.0#open")] unsafe extern "C" fn
                        export_open(arg0 : * mut u8, arg1 : usize, arg2 : i32, arg3 : *
                        mut u8, arg4 : usize,) -> * mut u8 { unsafe {
                        $($path_to_types)*:: _export_open_cabi::<$ty > (arg0, arg1, arg2,
                        arg3, arg4) } } #[unsafe (export_name =
                        "cabi_post_sandmill:stage/source@0.1.0#open")] unsafe extern "C"
                        fn _post_return_open(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_open::<$ty > (arg0) } }
                        #[unsafe (export_name = "sandmill:stage/source@0.1.0#pull")]
                        unsafe extern "C" fn export_pull(arg0 : i32,) -> * mut u8 {
                        unsafe { $($path_to_types)*:: _export_pull_cabi::<$ty > (arg0) }
                        } #[unsafe (export_name =
                        "cabi_post_sandmill:stage/source@0.1.0#pull")] unsafe extern "C"
                        fn _post_return_pull(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_pull::<$ty > (arg0) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_sandmill_stage_source_0_1_0_cabi;
                #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                struct _RetArea(
                    [::core::mem::MaybeUninit<
                        u8,
                    >; 12 * ::core::mem::size_of::<*const u8>()],
                );
                static mut _RET_AREA: _RetArea = _RetArea(
                    [::core::mem::MaybeUninit::uninit(); 12
                        * ::core::mem::size_of::<*const u8>()],
                );
            }
        }
    }
}
mod _rt {
    #![allow(dead_code, unused_imports, clippy::all)]
    pub use alloc_crate::vec::Vec;
    pub use alloc_crate::string::String;
    #[cfg(target_arch = "wasm32")]
    pub fn run_ctors_once() {
        wit_bindgen::rt::run_ctors_once();
    }
    pub unsafe fn string_lift(bytes: Vec<u8>) -> String {
        if cfg!(debug_assertions) {
            String::from_utf8(bytes).unwrap()
        } else {
            unsafe { String::from_utf8_unchecked(bytes) }
        }
    }
    pub unsafe fn invalid_enum_discriminant<T>() -> T {
        if cfg!(debug_assertions) {
            panic!("invalid enum discriminant")
        } else {
            unsafe { core::hint::unreachable_unchecked() }
        }
    }
    pub unsafe fn cabi_dealloc(ptr: *mut u8, size: usize, align: usize) {
        if size == 0 {
            return;
        }
        unsafe {
            let layout = alloc::Layout::from_size_align_unchecked(size, align);
            alloc::dealloc(ptr, layout);
        }
    }
    extern crate alloc as alloc_crate;
    pub use alloc_crate::alloc;
}
/// Generates `#[unsafe(no_mangle)]` functions to export the specified type as
/// the root implementation of all generated traits.
///
/// For more information see the documentation of `wit_bindgen::generate!`.
///
/// ```rust
/// # macro_rules! export{ ($($t:tt)*) => (); }
/// # trait Guest {}
/// struct MyType;
///
/// impl Guest for MyType {
///     // ...
/// }
///
/// export!(MyType);
/// ```
#[allow(unused_macros)]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_record_source_impl {
    ($ty:ident) => {
        sandmill_stage::__private::record_source::export!($ty with_types_in
        sandmill_stage::__private::record_source);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::sandmill::stage::source::__export_sandmill_stage_source_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::sandmill::stage::source); const
        _ : () = { #[cfg(target_arch = "wasm32")] #[unsafe (link_section =
        "component-type:wit-bindgen:0.63.0:sandmill:stage@0.1.0:record-source:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 697] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xb5\x04\x01A\x02\x01\
A\x07\x01B\x09\x01m\x04\x05debug\x04info\x04warn\x05error\x04\0\x05level\x03\0\0\
\x01@\x02\x05level\x01\x07messages\x01\0\x04\0\x03log\x01\x02\x01p}\x01@\x02\x05\
level\x01\x05bytes\x03\x01\0\x04\0\x05write\x01\x04\x01@\x02\x07messages\x05plac\
es\x01\0\x04\0\x08panicked\x01\x05\x03\0\x19sandmill:stage/host@0.1.0\x05\0\x01B\
\x0c\x01p}\x01py\x01r\x02\x04data\0\x04ends\x01\x04\0\x06column\x03\0\x02\x01r\x02\
\x06values\x03\x04keys\x03\x04\0\x05batch\x03\0\x04\x01r\x03\x05indexy\x09retrya\
ble\x7f\x07messages\x04\0\x07failure\x03\0\x06\x01p{\x01p\x07\x01r\x04\x07emitte\
d\x05\x07origins\x01\x05ports\x08\x08failures\x09\x04\0\x07outcome\x03\0\x0a\x03\
\0\x1asandmill:stage/types@0.1.0\x05\x01\x02\x03\0\x01\x05batch\x01B\x0b\x02\x03\
\x02\x01\x02\x04\0\x05batch\x03\0\0\x01r\x03\x07records\x01\x06cursors\x04done\x7f\
\x04\0\x05chunk\x03\0\x02\x01ks\x01j\0\x01s\x01@\x02\x06configs\x06cursor\x04\0\x05\
\x04\0\x04open\x01\x06\x01j\x01\x03\x01s\x01@\x01\x03maxy\0\x07\x04\0\x04pull\x01\
\x08\x04\0\x1bsandmill:stage/source@0.1.0\x05\x03\x04\0\"sandmill:stage/record-s\
ource@0.1.0\x04\0\x0b\x13\x01\0\x0drecord-source\x03\0\0\0G\x09producers\x01\x0c\
processed-by\x02\x0dwit-component\x070.262.0\x10wit-bindgen-rust\x060.63.0";
        };
    };
}
#[doc(inline)]
pub use __export_record_source_impl as export;
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.63.0:sandmill:stage@0.1.0:record-source-with-all-of-its-exports-removed:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 600] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xb4\x03\x01A\x02\x01\
A\x04\x01B\x09\x01m\x04\x05debug\x04info\x04warn\x05error\x04\0\x05level\x03\0\0\
\x01@\x02\x05level\x01\x07messages\x01\0\x04\0\x03log\x01\x02\x01p}\x01@\x02\x05\
level\x01\x05bytes\x03\x01\0\x04\0\x05write\x01\x04\x01@\x02\x07messages\x05plac\
es\x01\0\x04\0\x08panicked\x01\x05\x03\0\x19sandmill:stage/host@0.1.0\x05\0\x01B\
\x0c\x01p}\x01py\x01r\x02\x04data\0\x04ends\x01\x04\0\x06column\x03\0\x02\x01r\x02\
\x06values\x03\x04keys\x03\x04\0\x05batch\x03\0\x04\x01r\x03\x05indexy\x09retrya\
ble\x7f\x07messages\x04\0\x07failure\x03\0\x06\x01p{\x01p\x07\x01r\x04\x07emitte\
d\x05\x07origins\x01\x05ports\x08\x08failures\x09\x04\0\x07outcome\x03\0\x0a\x03\
\0\x1asandmill:stage/types@0.1.0\x05\x01\x04\0Bsandmill:stage/record-source-with\
-all-of-its-exports-removed@0.1.0\x04\0\x0b3\x01\0-record-source-with-all-of-its\
-exports-removed\x03\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-componen\
t\x070.262.0\x10wit-bindgen-rust\x060.63.0";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
