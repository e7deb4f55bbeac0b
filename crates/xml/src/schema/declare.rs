//! The macro with which tables read like a schema.

/// Declares the elements and types of one namespace, as statics of the names given.
///
/// ```text
/// namespace NAMESPACE from "RFC 4826 §3.2";
/// element LIST = "list" as LIST_TYPE;                       of a type that is declared here or elsewhere
/// element NAME = "name" [LANG] text(STRING);                text of a simple type, with attributes
/// element ENTRY = "entry" [required("uri", ANY_URI)] (NAME?, other*);     elements
/// element ADD = "add" [ANY] mixed(any*);                    elements, and text between them
/// element MOOD = "happy" | "sad" [] empty;                  several names; nothing in them
/// type LIST_TYPE = [OTHER] (NAME?, (LIST | ENTRY)*, other*);
/// ```
///
/// In a content model `,` is a sequence, `|` a choice, `?`, `*` and `+` are how often, `{2, 3}` too; `other` is an
/// element of another namespace, `any` of any, and `each MOOD` each name of `MOOD` once at most, in that order. Besides
/// what is declared comes `ORIGIN`, for a [`Vocabulary`](crate::schema::Vocabulary). Names that begin with `__` are the
/// macro's own.
#[macro_export]
macro_rules! schema {
    (namespace $namespace:literal from $source:literal; $($rest:tt)*) => {
        static ORIGIN: $crate::schema::Origin =
            $crate::schema::Origin { namespace: $namespace, source: $source };
        $crate::schema!(@next $($rest)*);
    };
    (namespace $namespace:ident from $source:literal; $($rest:tt)*) => {
        static ORIGIN: $crate::schema::Origin =
            $crate::schema::Origin { namespace: $namespace, source: $source };
        $crate::schema!(@next $($rest)*);
    };
    (@next) => {};
    (@next $(#[$doc:meta])* $vis:vis element $id:ident = $($name:literal)|+ as $kind:path; $($rest:tt)*) => {
        $(#[$doc])*
        $vis static $id: $crate::schema::Element =
            $crate::schema::Element { origin: &ORIGIN, names: &[$($crate::schema::Local::new($name)),+], kind: &$kind };
        $crate::schema!(@next $($rest)*);
    };
    (@next $(#[$doc:meta])* $vis:vis element $id:ident = $($name:literal)|+ [$($attribute:expr),*]
        $content:tt; $($rest:tt)*) => {
        $(#[$doc])*
        $vis static $id: $crate::schema::Element = {
            static __TYPE: $crate::schema::Type = $crate::schema!(@type [$($attribute),*] $content);
            $crate::schema::Element { origin: &ORIGIN, names: &[$($crate::schema::Local::new($name)),+], kind: &__TYPE }
        };
        $crate::schema!(@next $($rest)*);
    };
    (@next $(#[$doc:meta])* $vis:vis element $id:ident = $($name:literal)|+ [$($attribute:expr),*]
        $how:ident $content:tt; $($rest:tt)*) => {
        $(#[$doc])*
        $vis static $id: $crate::schema::Element = {
            static __TYPE: $crate::schema::Type = $crate::schema!(@type [$($attribute),*] $how $content);
            $crate::schema::Element { origin: &ORIGIN, names: &[$($crate::schema::Local::new($name)),+], kind: &__TYPE }
        };
        $crate::schema!(@next $($rest)*);
    };
    (@next $(#[$doc:meta])* $vis:vis type $id:ident = [$($attribute:expr),*] $content:tt; $($rest:tt)*) => {
        $(#[$doc])*
        $vis static $id: $crate::schema::Type = $crate::schema!(@type [$($attribute),*] $content);
        $crate::schema!(@next $($rest)*);
    };
    (@next $(#[$doc:meta])* $vis:vis type $id:ident = [$($attribute:expr),*] $how:ident $content:tt;
        $($rest:tt)*) => {
        $(#[$doc])*
        $vis static $id: $crate::schema::Type = $crate::schema!(@type [$($attribute),*] $how $content);
        $crate::schema!(@next $($rest)*);
    };

    (@type [$($attribute:expr),*] $($content:tt)+) => {{
        const __ATTRIBUTES: &[$crate::schema::Attribute] = &[$($attribute),*];
        $crate::schema::Type::new(&ORIGIN, $crate::schema!(@content $($content)+), __ATTRIBUTES)
    }};
    (@content empty) => { $crate::schema::Content::Empty };
    (@content text($simple:expr)) => { $crate::schema::Content::Text($simple) };
    (@content mixed($($model:tt)*)) => { $crate::schema::Content::Mixed($crate::schema!(@model $($model)*)) };
    (@content ($($model:tt)*)) => { $crate::schema::Content::Elements($crate::schema!(@model $($model)*)) };
    (@model $($model:tt)*) => {{
        static __PARTICLE: $crate::schema::Particle = $crate::schema!(@parse [] [] $($model)*);
        static __AUTOMATON: $crate::schema::Automaton<{ __PARTICLE.leaves() }> =
            $crate::schema::Automaton::new(&__PARTICLE);
        __AUTOMATON.model()
    }};

    // A content model, particle by particle: first those that are done with their separator, then the current one.
    (@parse [$($done:tt)*] [] each $id:ident $($rest:tt)*) => {
        $crate::schema!(@parse [$($done)*] [$crate::schema::Particle::InOrder(&$id)] $($rest)*)
    };
    (@parse [$($done:tt)*] [] other $($rest:tt)*) => {
        $crate::schema!(@parse [$($done)*] [$crate::schema::Particle::Other] $($rest)*)
    };
    (@parse [$($done:tt)*] [] any $($rest:tt)*) => {
        $crate::schema!(@parse [$($done)*] [$crate::schema::Particle::Any] $($rest)*)
    };
    (@parse [$($done:tt)*] [] ($($group:tt)*) $($rest:tt)*) => {
        $crate::schema!(@parse [$($done)*] [$crate::schema!(@parse [] [] $($group)*)] $($rest)*)
    };
    (@parse [$($done:tt)*] [] $id:ident $($rest:tt)*) => {
        $crate::schema!(@parse [$($done)*] [$crate::schema::Particle::Element(&$id)] $($rest)*)
    };
    (@parse [$($done:tt)*] [$current:expr] ? $($rest:tt)*) => {
        $crate::schema!(@parse [$($done)*] [$crate::schema!(@repeat $current, 0, 1)] $($rest)*)
    };
    (@parse [$($done:tt)*] [$current:expr] * $($rest:tt)*) => {
        $crate::schema!(@parse [$($done)*] [$crate::schema!(@repeat $current, 0, u8::MAX)] $($rest)*)
    };
    (@parse [$($done:tt)*] [$current:expr] + $($rest:tt)*) => {
        $crate::schema!(@parse [$($done)*] [$crate::schema!(@repeat $current, 1, u8::MAX)] $($rest)*)
    };
    (@parse [$($done:tt)*] [$current:expr] {$min:literal, $max:literal} $($rest:tt)*) => {
        $crate::schema!(@parse [$($done)*] [$crate::schema!(@repeat $current, $min, $max)] $($rest)*)
    };
    (@parse [$($done:tt)*] [$current:expr] , $($rest:tt)+) => {
        $crate::schema!(@parse [$($done)* $current ,] [] $($rest)+)
    };
    (@parse [$($done:tt)*] [$current:expr] | $($rest:tt)+) => {
        $crate::schema!(@parse [$($done)* $current |] [] $($rest)+)
    };
    (@parse [] [$current:expr]) => { $current };
    (@parse [$($done:tt ,)+] [$current:expr]) => {{
        static __PARTS: &[$crate::schema::Particle] = &[$($done,)+ $current];
        $crate::schema::Particle::Sequence(__PARTS)
    }};
    (@parse [$($done:tt |)+] [$current:expr]) => {{
        static __PARTS: &[$crate::schema::Particle] = &[$($done,)+ $current];
        $crate::schema::Particle::Choice(__PARTS)
    }};
    (@repeat $current:expr, $min:expr, $max:expr) => {{
        static __PART: &$crate::schema::Particle = &$current;
        $crate::schema::Particle::Repeat(__PART, $min, $max)
    }};
}
