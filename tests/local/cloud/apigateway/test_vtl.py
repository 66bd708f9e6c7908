"""Velocity as API Gateway means it, without a server."""

import base64
import json

import pytest

from local.cloud.apigateway.body import JsonBody, NotJsonError
from local.cloud.apigateway.faults import TemplateError
from local.cloud.apigateway.vtl import Template
from local.cloud.apigateway.vtl_values import Input, ResponseOverride, Util


def rendered(text: str, body: bytes = b"{}", /, **context: object) -> str:
    names = {"input": Input(JsonBody(body)), "util": Util(), "context": context}
    return Template(text).render(names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("$input.json('$.a')", '{"b":[1,"x"]}', id="json-of-an-object"),
        pytest.param("$input.json('$.a.b[1]')", '"x"', id="json-of-an-element"),
        pytest.param("$input.json('$.none')", '""', id="json-of-nothing-is-an-empty-string"),
        pytest.param("$input.path('$.a.b').size()", "2", id="size"),
        pytest.param("$input.path('$.a.b')[0]", "1", id="index"),
        pytest.param("$input.path('$.a')", "{b=[1, x]}", id="an-object-prints-as-java-does"),
        pytest.param("$input.path('$.none')", "", id="null-prints-nothing"),
        pytest.param("$input.path('$.none').size()", "", id="null-has-no-methods"),
        pytest.param("[$nothing][$!nothing][${nothing}]", "[][][]", id="an-unknown-variable-prints-nothing"),
        pytest.param("$input.body", '{"a": {"b": [1, "x"]}}', id="body-is-the-raw-text"),
        pytest.param("'\\n'", "'\\n'", id="a-string-knows-no-escapes"),
        pytest.param("#set($a = 'x$b')$a", "x$b", id="single-quotes-do-not-interpolate"),
        pytest.param('#set($b = 5)#set($a = "x${b}y")$a', "x5y", id="double-quotes-interpolate"),
        pytest.param("#set($a = 2 + 3 * 4 - 1)$a", "13", id="operators-by-precedence"),
        pytest.param("#if(1 < 2 && 2 != 3)yes#{else}no#end", "yes", id="conditions"),
        pytest.param("#if(1 > 2)a#elseif(2 == 2)b#{else}c#end", "b", id="elseif"),
        pytest.param("#if(!(1 == 2))yes#end", "yes", id="not"),
        pytest.param("#foreach($x in $input.path('$.a.b'))$x#if($foreach.hasNext),#end#end", "1,x", id="foreach"),
        pytest.param("#foreach($x in $input.path('$.none'))$x#end.", ".", id="foreach-over-null"),
        pytest.param("## a comment\ntext", "text", id="comment"),
        pytest.param('$util.base64Decode("Cg==")', "\n", id="base64-decode"),
        pytest.param("$util.base64Encode('é')", base64.b64encode("é".encode()).decode(), id="base64-encode"),
        pytest.param("$util.urlEncode('a b&')", "a+b%26", id="url-encode"),
        pytest.param("$util.urlDecode('a+b%26')", "a b&", id="url-decode"),
        pytest.param("$util.parseJson('{\"k\": [7]}').k[0]", "7", id="parse-json"),
    ],
)
def test_a_template_renders_as_on_aws(text: str, expected: str) -> None:
    assert rendered(text, b'{"a": {"b": [1, "x"]}}') == expected


@pytest.mark.parametrize("text", ["'", '"', "\\", "/", "\n", "\x00", "é", "🦊", "\\'", "</script>"])
def test_escaped_text_is_a_json_string_once_its_apostrophes_are_freed(text: str) -> None:
    template = """"$util.escapeJavaScript($context.text).replaceAll("\\\\'","'")\""""
    assert json.loads(rendered(template, text=text)) == text


def test_what_a_template_prints_is_not_read_as_a_template() -> None:
    assert rendered("$context.text", text="$context.stage #end ${x}") == "$context.stage #end ${x}"


def test_a_loop_ends_after_a_thousand_rounds_without_a_word() -> None:
    body = json.dumps(list(range(1500))).encode()
    assert rendered("#foreach($x in $input.path('$')).#end", body) == "." * 1000


def test_the_loop_variable_of_an_outer_loop_comes_back() -> None:
    body = b"[[1,2],[3]]"
    text = "#foreach($a in $input.path('$'))#foreach($b in $a)$b#end$foreach.index #end"
    assert rendered(text, body) == "120 31 "


def test_a_response_override_takes_status_and_headers() -> None:
    override = ResponseOverride()
    text = '#set($context.responseOverride.status = 429)#set($context.responseOverride.header.Retry-After = "1")'
    assert rendered(text, responseOverride=override) == ""
    assert (override.status, override.headers) == (429, {"Retry-After": "1"})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("#set($context.responseOverride.status = 1)" * 2, id="override-twice"),
        pytest.param("#set($context.responseOverride.body = 1)", id="override-of-something-else"),
        pytest.param("#if($input.path('$.none'))x#end", id="a-condition-that-is-null"),
        pytest.param("#if('x')x#end", id="a-condition-that-is-text"),
        pytest.param("$input.json('a')", id="a-path-without-root"),
        pytest.param("$input.json('$..a')", id="a-path-with-a-wildcard"),
        pytest.param("$util.toJson(5)", id="a-method-of-appsync"),
        pytest.param("$input.body.upper()", id="a-method-of-python"),
        pytest.param("#set($a = 'x' - 1)", id="arithmetic-with-text"),
        pytest.param("#foreach($x in 'abc')$x#end", id="foreach-over-text"),
        pytest.param("#stop", id="an-unknown-directive"),
        pytest.param("#if(1 == 1)", id="no-end"),
    ],
)
def test_what_api_gateway_does_not_have_is_an_error_of_the_api(text: str) -> None:
    with pytest.raises(TemplateError):
        rendered(text, responseOverride=ResponseOverride())


def test_python_attributes_cannot_be_reached() -> None:
    assert rendered("$input.__class__$input._body$context.keys") == ""


def test_a_template_over_a_body_that_is_not_json_says_so() -> None:
    with pytest.raises(NotJsonError, match="not JSON"):
        rendered("$input.json('$')", b"{")


def test_an_empty_body_reads_as_an_empty_object() -> None:
    assert rendered("$input.body$input.json('$')", b"") == "{}{}"
