//! Where a scanner puts what it finds: into a token, or straight into a tree.

use crate::namespaces::{Binding, Declaration, DeclarationData, Namespaces};
use crate::span::Span;
use crate::tag::{Attribute, AttributeData, Attributes, Written};
use crate::token::{End, Instruction, Start, Text, Token};

/// Takes one token after the other, so that none is put together that is taken apart at once.
pub(crate) trait Sink<'a> {
    /// A start tag, with what its name is bound to, and what it holds.
    fn start(
        &mut self,
        name: Written,
        binding: &Binding<'a>,
        span: Span,
        empty: bool,
        tag: &TagContent<'_, 'a>,
    );
    /// The end of the element that is open.
    fn end(&mut self, end: End);
    /// A run of text.
    fn text(&mut self, text: Text<'a>);
    /// A CDATA section.
    fn cdata(&mut self, text: Text<'a>);
    /// A comment.
    fn comment(&mut self, span: Span);
    /// A processing instruction.
    fn instruction(&mut self, instruction: Instruction<'a>);
}

/// The attributes and declarations of a start tag.
pub(crate) struct TagContent<'s, 'a> {
    pub(crate) text: &'a str,
    pub(crate) attributes: &'s Attributes,
    pub(crate) namespaces: &'s Namespaces<'a>,
    /// The first declaration of the tag.
    pub(crate) first_declaration: usize,
}

impl<'s, 'a> TagContent<'s, 'a> {
    pub(crate) fn attributes(&self) -> impl ExactSizeIterator<Item = Attribute<'a>> + use<'s, 'a> {
        let (text, namespaces) = (self.text, self.namespaces);
        self.attributes.as_slice().iter().map(move |written| written.attribute(text, namespaces))
    }

    /// The attributes as a tree keeps them.
    pub(crate) fn written(&self) -> impl ExactSizeIterator<Item = AttributeData> + use<'s, 'a> {
        let (text, namespaces) = (self.text, self.namespaces);
        self.attributes.as_slice().iter().map(move |written| written.data(text, namespaces))
    }

    /// The declarations as a tree keeps them.
    pub(crate) fn declared(&self) -> impl ExactSizeIterator<Item = DeclarationData> + use<'s, 'a> {
        let declared = self.namespaces.bindings().get(self.first_declaration..).unwrap_or_default();
        declared.iter().map(Binding::data)
    }

    pub(crate) fn declarations(&self) -> impl ExactSizeIterator<Item = Declaration<'a>> + use<'s, 'a> {
        let declared = self.namespaces.bindings().get(self.first_declaration..).unwrap_or_default();
        declared.iter().map(|binding| binding.declaration())
    }
}

/// Keeps the last one, as a [`Token`].
impl<'a> Sink<'a> for Option<Token<'a>> {
    #[inline]
    fn start(
        &mut self,
        name: Written,
        binding: &Binding<'a>,
        span: Span,
        empty: bool,
        tag: &TagContent<'_, 'a>,
    ) {
        *self = Some(Token::Start(Start { name: name.bound(tag.text, binding), span, empty }));
    }

    #[inline]
    fn end(&mut self, end: End) {
        *self = Some(Token::End(end));
    }

    #[inline]
    fn text(&mut self, text: Text<'a>) {
        *self = Some(Token::Text(text));
    }

    fn cdata(&mut self, text: Text<'a>) {
        *self = Some(Token::CData(text));
    }

    fn comment(&mut self, span: Span) {
        *self = Some(Token::Comment(span));
    }

    fn instruction(&mut self, instruction: Instruction<'a>) {
        *self = Some(Token::Instruction(instruction));
    }
}
