//! What turns a function or a type into a component. Natively the macros only check that it fits.

/// Makes a function, or a type that implements [`Stage`](crate::Stage), the stage that this crate is. Once in a crate.
///
/// ```
/// fn shout(line: &str) -> String {
///     line.to_uppercase()
/// }
/// sandmill_stage::stage!(shout);
/// # fn main() {}
/// ```
///
/// A type is named with `impl`: `stage!(impl Count);`. See [`StageFunction`](crate::StageFunction) for the functions.
#[macro_export]
macro_rules! stage {
    ($($stage:tt)+) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::__private::stage::exports::sandmill::stage::transform::Guest for Component {
                fn open(config: ::std::string::String) -> ::std::result::Result<(), ::std::string::String> {
                    $crate::__private::open_stage(&config, $crate::__opener!($($stage)+))
                }

                fn process(
                    input: $crate::__private::stage::exports::sandmill::stage::transform::Batch,
                ) -> ::std::result::Result<
                    $crate::__private::stage::exports::sandmill::stage::transform::Outcome,
                    ::std::string::String,
                > {
                    $crate::__private::process(input)
                }

                fn flush() -> ::std::result::Result<
                    $crate::__private::stage::exports::sandmill::stage::transform::Outcome,
                    ::std::string::String,
                > {
                    $crate::__private::flush()
                }
            }

            #[used]
            #[unsafe(link_section = "sandmill:stage")]
            static MARK: [u8; 8] = $crate::__private::mark($crate::__flushes!($($stage)+));

            $crate::__private::stage::export!(Component with_types_in $crate::__private::stage);
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: $crate::__private::Opener = $crate::__opener!($($stage)+);
    };
}

/// Makes a type that implements [`Source`](crate::Source) the source that this crate is. Once in a crate.
#[macro_export]
macro_rules! source {
    ($source:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::__private::record_source::exports::sandmill::stage::source::Guest for Component {
                fn open(
                    config: ::std::string::String,
                    cursor: ::std::option::Option<::std::string::String>,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    $crate::__private::open_source(|| $crate::__private::source_of::<$source>(&config, cursor))
                }

                fn pull(
                    max: u32,
                ) -> ::std::result::Result<
                    $crate::__private::record_source::exports::sandmill::stage::source::Chunk,
                    ::std::string::String,
                > {
                    $crate::__private::pull(max)
                }
            }

    $crate::__private::record_source::export!(Component with_types_in $crate::__private::record_source);
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: $crate::__private::SourceOpener = $crate::__private::source_of::<$source>;
    };
}

/// Opens a stage for a test: `trial!(shout)`, `trial!(shout, config)`, `trial!(impl Count, config)`. The configuration is
/// JSON text. Gives a `Result<Trial, Failure>`; see [`Trial`](crate::Trial).
#[macro_export]
macro_rules! trial {
    (impl $stage:ty) => {
        $crate::trial!(impl $stage, "")
    };
    (impl $stage:ty, $config:expr) => {
        $crate::Trial::open($crate::__opener!(impl $stage), $config)
    };
    ($function:path) => {
        $crate::trial!($function, "")
    };
    ($function:path, $config:expr) => {
        $crate::Trial::open($crate::__opener!($function), $config)
    };
}

/// A function that opens the stage. Its types are inferred where it stands, which is what lets a stage's function
/// borrow its result from the record: no type for "any lifetime's result" needs a name.
#[doc(hidden)]
#[macro_export]
macro_rules! __opener {
    (impl $stage:ty) => {{
        // Taken where the type does not implement `Flush`.
        #[allow(unused_imports)]
        use $crate::__private::Unflushed as _;
        <$crate::__private::Form<$stage>>::open
    }};
    ($function:path) => {
        |config: &str| {
            let config = $crate::__private::config_of(&$function, config)?;
            ::std::result::Result::Ok($crate::__private::instance(
                move |batch: &mut $crate::__private::Batch, out: &mut $crate::Output| {
                    $crate::__private::call(&$function, &config, batch, out)
                },
            ))
        }
    };
}

/// Whether the stage gives outputs at its end. A function has no way to.
#[doc(hidden)]
#[macro_export]
macro_rules! __flushes {
    (impl $stage:ty) => {{
        #[allow(unused_imports)]
        use $crate::__private::Unflushed as _;
        <$crate::__private::Form<$stage>>::FLUSHES
    }};
    ($function:path) => {
        false
    };
}
