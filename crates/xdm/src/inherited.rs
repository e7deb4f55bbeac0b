//! Elements that leave their document.

use core::fmt::Write as _;

use xml::Element;

/// The element as it stands in its document, and with the declarations that it inherits there, to stand where the default
/// namespace is `default_namespace` and no prefix is declared.
pub(crate) fn standalone(element: Element<'_>, default_namespace: &str) -> String {
    let source = element.node().source();
    let name_end = 1 + element.name().written().len();
    let mut text = source[..name_end].to_owned();
    for declaration in element.scope() {
        let prefix = declaration.prefix;
        let is_own = element.declarations().any(|own| own.prefix == prefix);
        if is_own || (prefix.is_empty() && declaration.namespace == *default_namespace) {
            continue;
        }
        let mut value = Vec::new();
        xml::push_attribute(&mut value, &declaration.namespace.text());
        let colon = if prefix.is_empty() { "" } else { ":" };
        _ = write!(text, " xmlns{colon}{prefix}=\"{}\"", String::from_utf8_lossy(&value)); // a string takes everything
    }
    text.push_str(&source[name_end..]);
    text
}
