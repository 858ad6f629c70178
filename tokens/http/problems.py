"""What is answered where nothing is done: one shape for all of it, `application/problem+json`."""

from collections.abc import Iterable, Mapping

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from tokens.http.bodies import Flaw

MEDIA = "application/problem+json"
# code: status, and what it says to people
TITLES: Mapping[str, tuple[int, str]] = {
    "unauthenticated": (401, "a key of a caller is needed: Authorization: Bearer KEY"),
    "rate_limited": (429, "this caller asks too often"),
    "role": (403, "this caller's role may not ask for it"),
    "not_found": (404, "there is nothing of that name that this caller may see"),
    "no_method": (405, "this cannot be asked of it"),
    "no_id": (400, "the header Idempotency-Key is needed: 1 to 64 of A-Z a-z 0-9 . _ : -"),
    "no_json": (400, "the body is no JSON object that is read in one way only"),
    "too_large": (413, "the body is too large"),
    "no_request": (422, "this is no request"),
    "bad_query": (422, "this is not how it is asked for"),
    "other_request": (409, "this id is another request's; a new one would do"),
    "over": (410, "it is over since long"),
    "not_open": (409, "it is not open: there is nothing to revoke"),
    "refused": (422, "it is refused"),
    "not_now": (409, "nothing is permitted now"),
    "unknown_outcome": (503, "whether it was taken in is not known; the same id is safe to repeat"),
    "broken": (500, "this is a bug of ours"),
}
# Refusals that are of the moment, and of no fault of the request's.
OF_THE_MOMENT = (
    *("closed", "paused", "no_policy", "stale_head"),
    *("judged_too_late", "journal_cut", "facts_changed", "policy_changed"),
)


class FlawView(BaseModel):
    field: str
    reason: str
    detail: str


class ProblemView(BaseModel):
    """Why nothing was done. `reason` is a word for programs, `detail` one sentence for people."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    fields: tuple[FlawView, ...] = ()
    authorization: str = ""


class Problem(Exception):
    """Ends a request: `code` is one of `TITLES`, `reason` a more exact word where there is one."""

    def __init__(
        self,
        code: str,
        reason: str = "",
        flaws: Iterable[Flaw] = (),
        authorization: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code, self.reason = code, reason or code
        self.flaws, self.authorization = tuple(flaws), authorization
        self.headers = dict(headers or {})
        super().__init__(code)

    def answer(self) -> JSONResponse:
        status, title = TITLES[self.code]
        detail = "; ".join(f"{each.field or 'the body'}: {each.detail}" for each in self.flaws)
        told = ProblemView(
            type=f"urn:tieout:problem:{self.code}",
            title=title,
            status=status,
            detail=detail or f"{title} ({self.reason})",
            reason=self.reason,
            fields=tuple(FlawView(**each._asdict()) for each in self.flaws),
            authorization=self.authorization,
        )
        return JSONResponse(
            told.model_dump(), status_code=status, headers=self.headers, media_type=MEDIA
        )
