import pytest

from rl_rewards.addresses import NoSuchValueError, address

DATA = {"a": {"b": [10, {"c d": "x", "e-f": None}]}, "tool_calls": [{"arguments": '{"city": "Bern", "days": [1, 2]}'}], "größe": 3}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b[0]", 10),
        ("a.b[1]['c d']", "x"),
        ('a.b[1]["c d"]', "x"),
        ("a.b[1].e-f", None),
        ("größe", 3),
        ("a['b'][0]", 10),
        ("tool_calls[0].arguments", '{"city": "Bern", "days": [1, 2]}'),
        ("tool_calls[0].arguments.city", "Bern"),
        ("tool_calls[0].arguments.days[1]", 2),
    ],
)
def test_an_address_leads_to_its_value(text, value):
    assert address(text).of(DATA, read_text=True) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.x", "there is no a.x: a is an object of b"),
        ("x", "there is no x: this is an object of a, tool_calls, größe"),
        ("a.b[2]", r"there is no a.b\[2\]: a.b is a list of 2"),
        ("a.b.c", "there is no a.b.c: a.b is a list of 2"),
        ("a[0]", r"there is no a\[0\]: a is an object of b"),
        ("größe.x", "there is no größe.x: größe is int"),
        ("tool_calls[0].arguments.city.x", "is str"),
    ],
)
def test_where_there_is_nothing_the_error_names_the_step(text, message):
    with pytest.raises(NoSuchValueError, match=message):
        address(text).of(DATA, read_text=True)


def test_text_is_read_as_json_only_where_asked():
    with pytest.raises(NoSuchValueError, match="arguments is str"):
        address("tool_calls[0].arguments.city").of(DATA)


@pytest.mark.parametrize("text", ["", ".a", "[0]", "a.", "a..b", "a[", "a[x]", "a[-1]", "a b", "a[1", "a['x]", "1a", "a" * 2000, "a.b[0]c"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="an address"):
        address(text)
