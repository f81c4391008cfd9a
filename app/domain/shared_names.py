"""Names below which anybody can have a host, as far as shops meet them.

A short list by hand: the whole one, https://publicsuffix.org, has thousands of lines and changes all the time. What is missing
here is let pass.
"""

_SECOND_LEVELS = frozenset({"ac", "co", "com", "edu", "go", "gov", "ltd", "ne", "net", "or", "org", "pe", "plc", "re"})
_HOSTS = frozenset(
    {
        *(
            "amplifyapp.com",
            "appspot.com",
            "azurewebsites.net",
            "cloudfront.net",
            "firebaseapp.com",
            "fly.dev",
            "github.io",
        ),
        *(
            "gitlab.io",
            "herokuapp.com",
            "netlify.app",
            "ngrok-free.app",
            "ngrok.app",
            "ngrok.io",
            "onrender.com",
            "pages.dev",
        ),
        *("run.app", "surge.sh", "trycloudflare.com", "up.railway.app", "vercel.app", "web.app", "workers.dev"),
        *("cafe24.com", "imweb.me", "myshopify.com", "wixsite.com"),
    }
)


def is_shared(name: str) -> bool:
    """Whether anybody can have a host below this name: `co.kr` (a country has two letters), `github.io`."""
    second, _, country = name.lower().rstrip(".").partition(".")
    return f"{second}.{country}" in _HOSTS or (len(country) == 2 and second in _SECOND_LEVELS)
