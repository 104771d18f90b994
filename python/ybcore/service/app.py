"""The service's routes: what may be asked and what is answered, as an OpenAPI document says it."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, FastAPI, Header, Path, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.exceptions import HTTPException

from .._version import __version__
from ..columns.checkschema import CHECK_LINES, CHECK_VISITS, DIAGNOSES, FURTHER_VISITS, OPERATIONS
from ..columns.schema import LINES, PERSONS, VISITS, Table
from ..errors import InputError
from ..report.explained_page import page_text
from .bodies import JsonRoute, Unreadable
from .desk import Desk, Reply, refusal_of
from .guard import Guard, Limits, Metrics
from .models import LINES_AT_MOST, Checked, Checks, Held, Moves, PreSettled, Refused, Settled, model_of
from .replies import Refusal, problem_of
from .store import Silent

__all__ = ["application", "guarded"]

ABOUT = """结算服务：预结算、结算、冲销、事前审核、解释。金额：整数分，或十进制文本（元）；不接受二进制浮点数。

Settlement as a service: pre-settle, settle, reverse, check before the event, explain. Money is integer fen, or decimal text of yuan; binary floats are refused."""
SETTLING_AT_ONCE = 8
"""Threads that settle over PostgreSQL: they wait for it most of the time."""
_ID_IN_PATH = Path(pattern=r"^[^\x00-\x1f\x7f/]+$", min_length=1, max_length=64)
_KEY = Header(alias="Idempotency-Key", pattern=r"^[\x21-\x7e]{1,128}$", description="one a settlement; sent again, the same answer comes again")  # fmt: skip
_VERSION = Header(alias="If-Match", pattern=r"^\d{1,15}$", description="refused unless the person's state is at this version")  # fmt: skip
_BEARER = Security(HTTPBearer(auto_error=False))  # told in the document; guard.py asks for it
_PAGE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Of pages: nothing runs on them and nothing is fetched, whatever ids and names may say; addresses with ids go nowhere."""
SetlId = Annotated[str, _ID_IN_PATH]
PsnNo = Annotated[str, _ID_IN_PATH]
Key = Annotated[str, _KEY]
Version = Annotated[str | None, _VERSION]


def _refusals(*codes: int, beside_json: bool = True) -> dict[int | str, dict[str, Any]]:
    """What may be refused. `beside_json`: the answer itself is JSON; a page says of its refusals that they are."""
    about = {400: "not a request", 401: "no valid token", 403: "not sent to this machine", 404: "not there", 408: "did not arrive in time", 409: "another one was first", 413: "too large", 415: "not sent as JSON", 422: "wrong values", 500: "the service failed", 503: "out of time, or the database does not answer"}  # fmt: skip
    body: dict[str, Any] = {"model": Refused} if beside_json else {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refused"}}}}  # fmt: skip
    return {
        code: {**body, "description": about[code]} for code in (400, 401, 403, 408, 413, 415, 422, 500, 503, *codes)
    }


def application(desk: Desk, metrics: Metrics, guarded: bool = False) -> FastAPI:
    """The application without its guard; its document tells of the token where one is `guarded` by it."""
    app = FastAPI(title="ybcore", version=__version__, description=ABOUT, docs_url=None, redoc_url=None, redirect_slashes=False)  # fmt: skip
    tables = (desk.engine.input_tables["visits"], LINES, CHECK_VISITS, CHECK_LINES)
    _handlers(app, metrics, ["visit", "lines", *dict.fromkeys(c.name for table in tables for c in table.columns)])
    routes = APIRouter(dependencies=[_BEARER] if guarded else [], route_class=JsonRoute)
    _settling(routes, desk, metrics)
    _looking(routes, desk)
    _checking(routes, desk)
    _keeping(app, routes, desk, metrics)
    app.include_router(routes)
    return app


def guarded(desk: Desk, *, tokens: list[str] | None = None, limits: Limits | None = None, named: Callable[[str], bool] | None = None) -> Guard:  # fmt: skip
    """The application as a server runs it. `tokens`: None asks nobody. `named`: see `Guard`."""
    metrics = Metrics()
    return Guard(
        application(desk, metrics, tokens is not None),
        tokens=tokens,
        limits=limits or Limits(),
        metrics=metrics,
        named=named,
    )


def _settling(routes: APIRouter, desk: Desk, metrics: Metrics) -> None:
    table = desk.engine.input_tables
    visit = model_of("Visit", table["visits"], without=("refd_setl_flag", "init_setl_id"))
    line = model_of("Line", LINES, without=("setl_id",))
    fields: dict[str, Any] = {"visit": (visit, ...), "lines": (list[line], Field(default=[], max_length=LINES_AT_MOST))}  # type: ignore[valid-type]
    Settle: Any = create_model("Settle", __config__=ConfigDict(extra="forbid"), **fields)
    PreSettle: Any = _before(table["visits"])
    Reverse: Any = model_of("Reverse", VISITS, only=("setl_id", "setl_time"))

    # Writers of an SQLite file wait for each other: more than one thread would only ask for the interpreter in turns.
    at_once = CapacityLimiter(1 if desk.store.kind == "sqlite" else SETTLING_AT_ONCE)

    async def done(call: Callable[..., Any], *given: Any) -> Any:
        return await run_sync(call, *given, limiter=at_once)

    def told(answer: tuple[Reply, bool]) -> Response:
        reply, again = answer
        if again:
            metrics.replayed.inc()
            return _sent(reply, {"Idempotent-Replayed": "true"})
        metrics.settled[reply["outcome"]].inc()
        return _sent(reply)

    @routes.post("/pre-settle", response_model=PreSettled, responses=_refusals(409), summary="预结算与事前审核 What a visit would come to and what rules say of it; nothing is written")  # fmt: skip
    async def pre_settle(body: PreSettle) -> Any:
        return _sent(await done(partial(desk.pre_settle, **_rows(body))))

    @routes.post("/settle", response_model=Settled, responses=_refusals(404, 409), summary="结算 Settle a visit")
    async def settle(body: Settle, key: Key, version: Version = None) -> Any:
        rows = _rows(body)
        return told(await done(desk.settle, rows["visit"], rows["lines"], key, _number(version)))

    @routes.post("/settlements/{setl_id}/reverse", response_model=Settled, responses=_refusals(404, 409), summary="冲销 Take a settlement back")  # fmt: skip
    async def reverse(setl_id: SetlId, body: Reverse, key: Key, version: Version = None) -> Any:
        return told(await done(desk.reverse, setl_id, _rows(body), key, _number(version)))


def _before(visits: Table) -> Any:
    """What is asked before the event: the same, with what only rules look at."""
    further = (*visits.columns, *FURTHER_VISITS)
    own = Table(visits.name, visits.zh, visits.en, further)
    visit = model_of("PreVisit", own, without=("refd_setl_flag", "init_setl_id", "hist_flag"))
    fields: dict[str, Any] = {"visit": (visit, ...)}
    for name, table in {"lines": CHECK_LINES, "diagnoses": DIAGNOSES, "operations": OPERATIONS}.items():
        row = model_of(f"Pre{name.capitalize()}", table, without=("setl_id",))
        fields[name] = (list[row], Field(default=[], max_length=LINES_AT_MOST))  # type: ignore[valid-type]
    return create_model("PreSettle", __config__=ConfigDict(extra="forbid"), **fields)


def _looking(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/settlements/{setl_id}", response_model=Settled, responses=_refusals(404), summary="查询结算 A settlement as it was answered")  # fmt: skip
    def settlement(setl_id: SetlId) -> Any:
        return Response(desk.known(setl_id).answered, media_type="application/json")

    @routes.get("/persons/{psn_no}", response_model=Held, responses=_refusals(404), summary="个人状态 Version, counters and accounts")  # fmt: skip
    def person(psn_no: PsnNo) -> Any:
        return desk.person(psn_no)

    @routes.get("/persons/{psn_no}/account", response_model=Moves, responses=_refusals(404), summary="账户变动 Movements on the account")  # fmt: skip
    def account(psn_no: PsnNo, after: Annotated[int, Query(ge=-1, le=10**15)] = -1, limit: Annotated[int, Query(ge=1, le=1000)] = 1000) -> Any:  # fmt: skip
        return desk.account(psn_no, after, limit)

    @routes.get("/explain/{setl_id}", response_class=HTMLResponse, responses=_refusals(404, 409, beside_json=False), summary="解释 The settlement step by step, as a page")  # fmt: skip
    def explain(setl_id: SetlId, lang: Annotated[Literal["zh", "en"], Query()] = "zh") -> Any:
        return HTMLResponse(page_text(desk.explain(setl_id), lang), headers=_PAGE)


def _checking(routes: APIRouter, desk: Desk) -> None:
    tables: dict[str, Any] = {"visits": CHECK_VISITS, "lines": CHECK_LINES, "persons": PERSONS, "diagnoses": DIAGNOSES, "operations": OPERATIONS}  # fmt: skip
    fields: dict[str, Any] = {}
    for name, table in tables.items():
        row = model_of(f"Check{name.capitalize()}", table)
        fields[name] = (list[row], Field(min_length=1, max_length=100) if name == "visits" else Field(default=[], max_length=LINES_AT_MOST))  # type: ignore[valid-type] # fmt: skip
    Check: Any = create_model("Check", __config__=ConfigDict(extra="forbid"), **fields)

    @routes.post("/check", response_model=Checks, responses=_refusals(), summary="事前审核 Rules over a visit before it is settled")  # fmt: skip
    def check(body: Check) -> Any:
        return desk.check(_rows(body))


def _keeping(app: FastAPI, routes: APIRouter, desk: Desk, metrics: Metrics) -> None:
    @app.get(
        "/health", response_model=Checked, responses={503: {"model": Refused}}, summary="健康检查 Whether it can work"
    )
    def health() -> Any:
        desk.store.ready()
        return {"status": "ok", "database": desk.store.kind}

    @routes.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **_refusals(beside_json=False)}, summary="指标 For Prometheus")  # fmt: skip
    def measures() -> Any:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _handlers(app: FastAPI, metrics: Metrics, known: list[str]) -> None:
    def tell(refusal: Refusal) -> JSONResponse:
        metrics.refusals.labels(code=refusal.code).inc()
        return JSONResponse(refusal.body(), refusal.status, headers=refusal.headers)

    @app.exception_handler(Refusal)
    def own(request: Request, error: Refusal) -> JSONResponse:
        return tell(error)

    @app.exception_handler(Unreadable)
    def body(request: Request, error: Unreadable) -> JSONResponse:
        return tell(error.refusal)

    @app.exception_handler(InputError)
    def rows(request: Request, error: InputError) -> JSONResponse:
        return tell(refusal_of(error))

    @app.exception_handler(RequestValidationError)
    def values(request: Request, error: RequestValidationError) -> JSONResponse:
        problems = [problem_of(one, known) for one in error.errors()[:100]]
        return tell(
            Refusal(422, "wrong_values", f"{len(problems)} 处有误", f"{len(problems)} value(s) are wrong", problems)
        )

    @app.exception_handler(Silent)
    @app.exception_handler(sa.exc.OperationalError)
    @app.exception_handler(sa.exc.TimeoutError)
    def database(request: Request, error: Exception) -> JSONResponse:
        refusal = Refusal(503, "database", "数据库无应答，请用同一 Idempotency-Key 重发", "the database does not answer: send again with the same Idempotency-Key")  # fmt: skip
        refusal.headers["Retry-After"] = "1"
        return tell(refusal)

    @app.exception_handler(Exception)
    def crash(request: Request, error: Exception) -> JSONResponse:  # what is wrong with us is not told to whoever asked
        asked = request.scope["ybcore.request"]
        return tell(
            Refusal(
                500,
                "crash",
                f"服务内部错误，请提供请求编号 {asked}",
                f"the service failed: tell its keeper the request {asked}",
            )
        )

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        words = {404: ("not_found", "没有这个地址", "no such address"), 405: ("method", "此地址不支持该方法", "the address does not take this method")}  # fmt: skip
        code, zh, en = words.get(
            error.status_code, ("not_json", "请求不是有效的 JSON", "the request is not valid JSON")
        )
        refusal = Refusal(error.status_code, code, zh, en)
        refusal.headers = dict(error.headers or {})
        return tell(refusal)


def _sent(reply: Reply, headers: dict[str, str] | None = None) -> Response:
    """A reply in the text that is kept: nothing is written anew."""
    return Response(reply.text, media_type="application/json", headers=headers)


def _rows(body: BaseModel) -> dict[str, Any]:
    """What was given, without what was not."""
    out: dict[str, Any] = body.model_dump(exclude_none=True)
    return out


def _number(version: str | None) -> int | None:
    return None if version is None else int(version)
