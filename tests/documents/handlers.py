"""What the apps' handlers of `docs/mobile` are called, take, read and answer, taken out of the code that the pages show."""

import re
from dataclasses import dataclass

from tree_sitter import Language, Node, Parser, Query, QueryCursor

from tests.documents.markdown import read
from tests.documents.test_snippets import GRAMMARS


@dataclass(frozen=True, slots=True)
class Handler:
    """How an app hears the page."""

    place: tuple[str, ...]
    """Under which names of `window` the page finds it."""
    takes: type
    """Text that is JSON, or a dictionary of texts."""
    answers: frozenset[str]
    """For which `status` it does something."""
    reads: frozenset[str]
    """Which members it looks at."""


_BRIDGE_KOTLIN = """(call_expression
  (navigation_expression (_) (identifier) @call (#eq? @call "addJavascriptInterface"))
  (value_arguments (value_argument (_)) (value_argument (string_literal (string_content) @found))))"""
_METHOD_KOTLIN = """(function_declaration
  (modifiers (annotation (user_type (identifier) @mark (#eq? @mark "JavascriptInterface"))))
  (identifier) @name
  (function_value_parameters (parameter (identifier) (user_type (identifier) @takes)))) @found"""
_ANSWERS_KOTLIN = "(when_entry (string_literal (string_content) @found))"
_READS_KOTLIN = """(call_expression
  (navigation_expression (identifier) @message (#eq? @message "message") (identifier))
  (value_arguments (value_argument (string_literal (string_content) @found))))"""

_BRIDGE_SWIFT = """(property_declaration (pattern (simple_identifier) @name (#eq? @name "bridge"))
  (line_string_literal (line_str_text) @found))"""
_METHOD_SWIFT = """(function_declaration
  (simple_identifier) @name (#eq? @name "userContentController")
  (parameter (simple_identifier) @label (#eq? @label "didReceive"))) @found"""
_TAKES_SWIFT = "(as_expression (dictionary_type) @found)"
_ANSWERS_SWIFT = "(switch_pattern (pattern (line_string_literal (line_str_text) @found)))"
_READS_SWIFT = """(call_expression (simple_identifier) @body (#eq? @body "body")
  (call_suffix (value_arguments (value_argument (line_string_literal (line_str_text) @found)))))"""


def android(text: str = read("docs/mobile/android.md").text) -> Handler:
    tree, language = _tree(text, "kotlin")
    (method,) = _nodes(language, _METHOD_KOTLIN, tree)
    (takes,) = _texts(language, _METHOD_KOTLIN, tree, "takes")
    (name,) = _texts(language, _METHOD_KOTLIN, tree, "name")
    (bridge,) = _texts(language, _BRIDGE_KOTLIN, tree)
    answers, reads = _texts(language, _ANSWERS_KOTLIN, method), _texts(language, _READS_KOTLIN, method)
    return Handler((bridge, name), {"String": str}[takes], answers, reads)


def ios(text: str = read("docs/mobile/ios.md").text) -> Handler:
    tree, language = _tree(text, "swift")
    (method,) = _nodes(language, _METHOD_SWIFT, tree)
    (takes,) = _texts(language, _TAKES_SWIFT, method)
    (bridge,) = _texts(language, _BRIDGE_SWIFT, tree)
    answers, reads = _texts(language, _ANSWERS_SWIFT, method), _texts(language, _READS_SWIFT, method)
    place = ("webkit", "messageHandlers", bridge, "postMessage")
    return Handler(place, {"[String: String]": dict}[takes], answers, reads)


def react_native(text: str = read("docs/mobile/react-native.md").text) -> Handler:
    """The name is that of the library `react-native-webview`, which its `onMessage` stands for."""
    (method,) = re.findall(r"function onMessage\(event: WebViewMessageEvent\) \{\n(.*?)\n  \}\n", text, re.DOTALL)
    assert "onMessage={onMessage}" in text
    assert "parsed(event.nativeEvent.data)" in method
    answers, reads = re.findall(r'status === "(\w+)"', method), re.findall(r"\bmessage\.(\w+)", method)
    return Handler(("ReactNativeWebView", "postMessage"), str, frozenset(answers), frozenset(reads))


def _tree(text: str, language: str) -> tuple[Node, Language]:
    """The first block of the language, which is the page's screen."""
    block = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return Parser(GRAMMARS[language]).parse(block[1].encode()).root_node, GRAMMARS[language]


def _nodes(language: Language, query: str, under: Node, name: str = "found") -> list[Node]:
    return QueryCursor(Query(language, query)).captures(under).get(name, [])


def _texts(language: Language, query: str, under: Node, name: str = "found") -> frozenset[str]:
    return frozenset((node.text or b"").decode() for node in _nodes(language, query, under, name))


HANDLERS = {"android": android(), "ios": ios(), "react_native": react_native()}
