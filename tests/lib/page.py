"""Pages for people: read as a browser would, and judged by what every one of them must have."""

import base64
import hashlib
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}
LOADS = {"src", "srcset", "data", "action", "formaction", "style"}


class Page(HTMLParser):
    """The texts of an HTML document by tag, and its links."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes = [], [], []
        self.texts = {}
        self.language = None
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "html":
            self.language = dict(attrs).get("lang")
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open}"
        self.open.pop()

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def text(self, tag):
        """What stands in the only element of that name."""
        assert len(self.texts.get(tag, [])) == 1, f"{tag}: {self.texts.get(tag)}"
        return self.texts[tag][0].strip()

    def list(self):
        return [" ".join(text.split()) for text in self.texts.get("li", [])]

    def links(self):
        return [value for tag, name, value in self.attributes if (tag, name) == ("a", "href")]


def policy(response):
    value = response.header("Content-Security-Policy")
    return dict((part.split()[0], part.split()[1:]) for part in value.split(";"))


def read_page(response):
    """The page of an answer, which must be one that nothing can run or load in."""
    assert response.header("Content-Type") == "text/html; charset=utf-8", response
    assert response.header("Cache-Control") == "no-store", response
    assert response.header("X-Content-Type-Options") == "nosniff", response
    assert response.header("X-Request-Id"), response
    allowed = policy(response)
    assert allowed["default-src"] == ["'none'"] and "script-src" not in allowed
    assert all(allowed[name] == ["'none'"] for name in ("base-uri", "form-action", "frame-ancestors"))

    text = response.body.decode("utf-8")
    assert text.startswith("<!doctype html>")
    page = Page(text)
    style = page.texts["style"][0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert allowed["style-src"] == [f"'sha256-{digest}'"], "the policy is not of this style"
    assert "color-scheme:light dark" in style
    assert page.language == "en" and page.text("title") == page.text("h1")
    assert page.tags.count("main") == 1 and "script" not in page.tags and "iframe" not in page.tags
    for tag, name, value in page.attributes:
        assert name not in LOADS and not name.startswith("on"), f"{tag} {name}={value}"
    return page


def check_error_page(response):
    page = read_page(response)
    everything = page.text("main")
    assert "back button" in everything and "javascript:" not in response.body.decode()
    assert f"status {response.status}" in everything
    assert response.header("X-Request-Id") in everything
    return page
