"""One visit in a microsecond from Python: thin objects over the C door (ybcore.h); see ybcore.fast."""
from cython cimport no_gc_clear
from libc.stdint cimport UINT64_MAX, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fast cimport (
    YB_BAD_ARGUMENT, YB_COLUMN_COUNT, YB_MISSING, YB_NO_DAY, YB_OK, YB_NO_COMBINATION, YB_STALE, yb_code, yb_column, yb_combination, yb_desk, yb_desk_free,
    yb_desk_new, yb_earlier, yb_fact, yb_image,
    yb_image_close, yb_image_fact, yb_image_item, yb_image_of, yb_image_open, yb_line, yb_line_reason, yb_line_result, yb_movement, yb_reason, yb_result,
    yb_sentence, yb_settle, yb_state, yb_state_copy, yb_state_free, yb_state_new, yb_state_read, yb_state_reserve, yb_state_version, yb_state_write, yb_text,
    yb_visit, yb_why,
)

COLUMNS = tuple(yb_column(i).decode() for i in range(YB_COLUMN_COUNT))
OUTCOMES = ("settled", "no_benefit", "not_enrolled", "rejected")
IDS = ("setl_id", "psn_no", "mdtrt_id", "fixmedins_code", "hsld_no", "mulaid_psn_no", "refl_old_mdtrt_id", "init_setl_id")
cdef dict _place = {name: i for i, name in enumerate(COLUMNS)}


cdef struct Job:
    yb_state* state
    const yb_visit* visit
    const yb_line* lines
    size_t count
    yb_result* result


cdef object refusal(yb_code code, const yb_desk* desk):
    """The error of ybcore for a code of the door."""
    from .errors import InputError, Problem, StaleStateError

    why = "" if desk == NULL else yb_why(desk).decode()
    en, zh = yb_sentence(code, 0).decode(), yb_sentence(code, 1).decode()
    problem = Problem(what=f"{en}: {why}" if why else en, what_zh=f"{zh}：{why}" if why else zh, path="state" if code == YB_STALE else "")
    return (StaleStateError if code == YB_STALE else InputError)([problem])


cdef inline yb_text text(bytes of):
    cdef yb_text out
    out.at = NULL
    out.size = 0
    if of is not None:
        out.at = of
        out.size = len(of)
    return out


cdef bytes utf8(object of):
    return of if of is None or isinstance(of, bytes) else str(of).encode()


cdef str told(yb_text of):
    return "" if of.at == NULL else of.at[:of.size].decode()


cdef put_id(yb_visit* out, str name, yb_text at):
    if name == "setl_id":
        out.setl_id = at
    elif name == "psn_no":
        out.psn_no = at
    elif name == "mdtrt_id":
        out.mdtrt_id = at
    elif name == "fixmedins_code":
        out.fixmedins_code = at
    elif name == "hsld_no":
        out.hsld_no = at
    elif name == "mulaid_psn_no":
        out.mulaid_psn_no = at
    elif name == "refl_old_mdtrt_id":
        out.refl_old_mdtrt_id = at
    elif name == "init_setl_id":
        out.init_setl_id = at
    else:
        raise TypeError(f"a visit has no id {name!r}; it has {', '.join(IDS)}")


cdef class Image:
    """What `Engine.image` wrote, mapped; may be shared by threads and forks. A pickle of it is its path and the hashes of its documents."""

    cdef yb_image* own
    cdef readonly object path

    def __cinit__(self, path):
        self.path = path
        code = yb_image_open(utf8(path), &self.own)
        if code != YB_OK:
            from .errors import InputError, Problem

            raise InputError([Problem(what=yb_sentence(code, 0).decode(), what_zh=yb_sentence(code, 1).decode(), file=str(path))])

    def __dealloc__(self):
        if self.own != NULL:
            yb_image_close(self.own)

    def __reduce__(self):
        return _same_image, (self.path, self.policy_sha256, self.catalog_sha256)

    def item(self, code):
        """Number of an item of the catalogue; -1: there is none."""
        return yb_image_item(self.own, text(utf8(code)))

    @property
    def policy_sha256(self):
        return told(yb_image_of(self.own, 0))

    @property
    def catalog_sha256(self):
        return told(yb_image_of(self.own, 1))


def _same_image(path, policy_sha256, catalog_sha256):
    """The image of a pickle, if what stands at its path was made from the same documents still: other figures would be other money."""
    found = Image(path)
    if (found.policy_sha256, found.catalog_sha256) != (policy_sha256, catalog_sha256):
        from .errors import InputError, Problem

        what = f"the image was made from other documents since: policy {found.policy_sha256[:12]} instead of {policy_sha256[:12]}, catalogue {found.catalog_sha256[:12] or '-'} instead of {catalog_sha256[:12] or '-'}"
        zh = f"该镜像已由其他文件重新生成：政策 {found.policy_sha256[:12]}（原为 {policy_sha256[:12]}），目录 {found.catalog_sha256[:12] or '-'}（原为 {catalog_sha256[:12] or '-'}）"
        raise InputError([Problem(what=what, what_zh=zh, file=str(path))])
    return found


cdef class State:
    """A person's state, open for an image: moves on in place. `to_bytes` is the binary form of `PersonState`."""

    cdef yb_state* own
    cdef bint busy
    cdef readonly Image image

    def __cinit__(self, Image image not None, data=None, size_t room=16):
        cdef bytes held
        self.image = image
        cdef yb_code code = yb_state_new(image.own, &self.own)
        if code == YB_OK and data is not None:
            held = bytes(data)
            code = yb_state_read(self.own, <const char*> held, len(held))
        if code == YB_OK:
            code = yb_state_reserve(self.own, room)
        if code != YB_OK:
            raise refusal(code, NULL)

    def __dealloc__(self):
        if self.own != NULL:
            yb_state_free(self.own)

    def __reduce__(self):
        return State, (self.image, self.to_bytes())

    @property
    def version(self):
        return yb_state_version(self.own)

    cdef free_for(self):
        if self.busy:
            raise RuntimeError("another thread is settling over this state: a state serves one thread at a time")

    def copy(self):
        self.free_for()
        cdef State out = State(self.image)
        code = yb_state_copy(self.own, out.own)
        if code != YB_OK:
            raise refusal(code, NULL)
        return out

    def to_bytes(self):
        self.free_for()
        cdef size_t size = 0
        yb_state_write(self.own, NULL, &size)
        out = bytearray(size)
        cdef unsigned char[::1] at = out
        code = yb_state_write(self.own, &at[0], &size)
        if code != YB_OK:
            raise refusal(code, NULL)
        return bytes(out)


cdef class Lines:
    """Fee lines of one visit. `item` numbers from `Image.item`; days since 1970, quantities 1/10000, None where a line has none.

    `deny` 1 denied, `approved` 2 not approved by the hospital; `returns` the place of the line that a line returns, None or -1 none.
    """

    cdef yb_line* own
    cdef size_t count

    def __cinit__(self, item, amount, quantity=None, day=None, deny=None, approved=None, returns=None):
        self.count = len(item)
        for name, column in (("amount", amount), ("quantity", quantity), ("day", day), ("deny", deny),
                             ("approved", approved), ("returns", returns)):
            if column is not None and len(column) != <Py_ssize_t> self.count:
                raise ValueError(f"{self.count} items and {len(column)} of {name}: give one of each a line")
        self.own = <yb_line*> calloc(self.count + 1, sizeof(yb_line))
        if self.own == NULL:
            raise MemoryError
        for i in range(self.count):
            self.own[i].item = item[i]
            self.own[i].amount = amount[i]
            self.own[i].quantity = YB_MISSING if quantity is None or quantity[i] is None else quantity[i]
            self.own[i].day = YB_NO_DAY if day is None or day[i] is None else day[i]
            self.own[i].deny = 0 if deny is None else deny[i]
            self.own[i].price = YB_MISSING
            self.own[i].approved = 0 if approved is None or approved[i] is None else approved[i]
            self.own[i].returns = -1 if returns is None or returns[i] is None else returns[i]

    def __len__(self):
        return self.count

    def __dealloc__(self):
        free(self.own)


@no_gc_clear  # what it is made of is given back when it goes, not before
cdef class Visit:
    """A visit of an image: ids, days since 1970, and facts by name (texts or numbers). Its ids and days may be set anew for the next one.

    `natures`: full self-pay, over limit, first pay, in scope, direct, where there are no lines. `movements`: (day, kind, amount) or
    (psn_no, day, kind, amount), where the policy asks for them. `earlier`: (day, facts) where other facts held in the parts of a split stay
    that end before a day.
    """

    cdef yb_visit own
    cdef yb_movement* moves
    cdef yb_earlier* before
    cdef list kept, held
    cdef dict ids
    cdef object desk
    cdef readonly Image image

    def __cinit__(self, Image image not None, facts, *, setl_day, reversal=False, begndate=None, enddate=None, ipt_days=None, brdy=None, acct_used=True,
                  natures=None, medfee=None, balc=None, mulaid_balc=None, movements=None, version=None, earlier=None, **ids):
        self.image, self.kept, self.held, self.ids = image, [], [], {}
        memset(&self.own, 0, sizeof(yb_visit))
        self.own.size = sizeof(yb_visit)
        self.own.version = UINT64_MAX if version is None else version
        self.own.reversal = bool(reversal)
        self.own.setl_day = setl_day
        self.own.begndate = YB_NO_DAY if begndate is None else begndate
        self.own.enddate = YB_NO_DAY if enddate is None else enddate
        self.own.ipt_days = -1 if ipt_days is None else ipt_days
        self.own.brdy = YB_NO_DAY if brdy is None else brdy
        self.own.acct_used = bool(acct_used)
        self.own.combination = -1
        self.own.medfee = YB_MISSING if medfee is None else medfee
        self.own.balc = YB_MISSING if balc is None else balc
        self.own.mulaid_balc = YB_MISSING if mulaid_balc is None else mulaid_balc
        self.own.has_natures = natures is not None or medfee is not None
        if natures is not None and len(natures) != 5:
            raise ValueError(f"{len(natures)} natures: give full self-pay, over limit, first pay, in scope, direct")
        for i, amount in enumerate(natures or ()):
            self.own.natures[i] = amount
        for name, value in ids.items():
            self.set_id(name, value)
        self.own.facts, self.own.fact_count = self.made_facts(facts), len(facts)
        self.take_earlier(sorted(earlier or (), key=lambda one: one[0]))
        self.take_movements(movements)

    cdef yb_fact* made_facts(self, facts) except NULL:
        cdef yb_fact* out = <yb_fact*> calloc(len(facts) + 1, sizeof(yb_fact))
        if out == NULL:
            raise MemoryError
        self.held.append(<size_t> out)
        for i, (name, value) in enumerate(facts.items()):
            which = yb_image_fact(self.image.own, text(utf8(name)))
            if which < 0:
                raise KeyError(f"the image asks for no fact {name!r}")
            out[i].which = which
            out[i].number = value if isinstance(value, int) else YB_MISSING
            held = utf8(value)
            self.kept.append(held)
            out[i].text = text(held)
        return out

    cdef take_earlier(self, earlier):
        self.before = <yb_earlier*> calloc(len(earlier) + 1, sizeof(yb_earlier))
        if self.before == NULL:
            raise MemoryError
        for i, (before, facts) in enumerate(earlier):
            self.before[i].before, self.before[i].facts, self.before[i].fact_count = before, self.made_facts(facts), len(facts)
        self.own.earlier, self.own.earlier_count = self.before, len(earlier)

    cdef take_movements(self, movements):
        if movements is None:
            return
        self.moves = <yb_movement*> calloc(len(movements) + 1, sizeof(yb_movement))
        if self.moves == NULL:
            raise MemoryError
        for i, (*who, day, kind, amount) in enumerate(movements):
            held = utf8(who[0]) if who else None
            self.kept.append(held)
            self.moves[i].psn_no = text(held)
            self.moves[i].day, self.moves[i].kind, self.moves[i].amount = day, kind, amount
        self.own.movements, self.own.movement_count, self.own.movements_known = self.moves, len(movements), 1

    cdef set_id(self, name, value):
        held = utf8(value)
        put_id(&self.own, name, text(held))
        self.ids[name] = held

    def again(self, setl_id, setl_day):
        """The same for another visit with these facts."""
        self.set_id("setl_id", setl_id)
        self.own.setl_day = setl_day
        return self

    @property
    def version(self):
        """The version that the state must be at; None: any."""
        return None if self.own.version == UINT64_MAX else self.own.version

    @version.setter
    def version(self, value):
        self.own.version = UINT64_MAX if value is None else value

    def __dealloc__(self):
        for at in self.held:
            free(<void*> <size_t> at)
        free(self.moves)
        free(self.before)


cdef class Result:
    """What became of a visit. Every column is an attribute, int fen: `result.hifp_pay`; `to_dict` has them all."""

    cdef yb_result own
    cdef Image image
    cdef str back_policy, back_plan

    cdef keep(self):
        """What a reversal tells stands in the state, which moves on."""
        self.back_policy, self.back_plan = told(self.own.policy_id), told(self.own.plan_id)

    def __getattr__(self, name):
        if name in _place:
            return self.own.columns[<int> _place[name]]
        raise AttributeError(f"a result has no {name!r}")

    @property
    def outcome(self):
        return OUTCOMES[self.own.outcome]

    @property
    def reason(self):
        return yb_reason(self.own.reason).decode()

    @property
    def flags(self):
        return self.own.flags

    @property
    def version(self):
        """Of the state after it."""
        return self.own.version

    @property
    def policy_id(self):
        return told(self.own.policy_id) if self.back_policy is None else self.back_policy

    @property
    def plan_id(self):
        return told(self.own.plan_id) if self.back_plan is None else self.back_plan

    def to_dict(self):
        out = {name: self.own.columns[i] for i, name in enumerate(COLUMNS)}
        return out | {"outcome": self.outcome, "reason": self.reason, "flags": self.flags, "policy_id": self.policy_id, "plan_id": self.plan_id}


cdef class Desk:
    """What one thread settles with; the GIL is released while it does."""

    cdef yb_desk* own
    cdef bint busy
    cdef readonly Image image

    def __cinit__(self, Image image not None):
        self.image = image
        code = yb_desk_new(image.own, &self.own)
        if code != YB_OK:
            raise refusal(code, NULL)

    def __dealloc__(self):
        if self.own != NULL:
            yb_desk_free(self.own)

    cdef free_for(self):
        if self.busy:
            raise RuntimeError("another thread is settling with this desk: a desk serves one thread at a time")

    def combine(self, Visit visit not None):
        """Learns what the visit's facts come to, so that this desk need not look again. Until then, and for other desks, facts are looked at each time."""
        cdef int32_t found = -1
        visit.own.combination = -1
        self.free_for()
        if visit.image is not self.image:
            raise ValueError("the visit is of another image than the desk")
        code = yb_combination(self.own, &visit.own, &found)
        if code != YB_OK:
            raise refusal(code, self.own)
        visit.own.combination, visit.desk = found, self

    cdef Result room(self, State state, Visit visit):
        """A result to fill in; the visit's combination is left out where another desk found it."""
        state.free_for()
        if state.image is not self.image or visit.image is not self.image:
            raise ValueError("the state or the visit is of another image than the desk: numbers of facts and counters are an image's own")
        cdef Result result = Result.__new__(Result)
        result.image = self.image
        result.own.size = sizeof(yb_result)
        if visit.desk is not self:
            visit.own.combination = -1
        return result

    def settle(self, State state not None, Visit visit not None, Lines lines=None, bint pre=False):
        """The visit's result; the state moves on in place, or stays where it is with `pre`.

        Raises StaleStateError where the state is at another version than the visit asks for, InputError for what the door refuses.
        """
        self.free_for()
        cdef Result result = self.room(state, visit)
        cdef const yb_line* rows = NULL if lines is None else lines.own
        cdef size_t count = 0 if lines is None else lines.count
        cdef yb_state* closing = NULL if pre else state.own
        cdef yb_code code
        self.busy = state.busy = True
        with nogil:
            code = yb_settle(self.own, state.own, &visit.own, rows, count, &result.own, NULL, closing)
        self.busy = state.busy = False
        if code != YB_OK:
            raise refusal(code, self.own)
        if visit.own.reversal:
            result.keep()
        return result

    def settle_many(self, states, visits, lines=None, bint pre=False):
        """Visits one after another, as `settle` does each, with the GIL given up once for all: threads settle beside each other.

        `states`: the state of each visit (one may stand there many times); `lines`: `Lines` or None of each. Gives a list: of each visit
        its Result, or the error that `settle` would raise; its state is as it was then, and the visits after it are settled.
        """
        cdef list whose = list(states), asked = list(visits), bills = [None] * len(asked) if lines is None else list(lines), out = []
        cdef size_t n = len(asked), i, at = 0
        cdef Lines bill
        cdef yb_code code = YB_OK
        if len(whose) != n or len(bills) != n:
            raise ValueError(f"{n} visits, {len(whose)} states and {len(bills)} bills: give one of each a visit")
        self.free_for()
        cdef Job* jobs = <Job*> calloc(n + 1, sizeof(Job))
        if jobs == NULL:
            raise MemoryError
        try:
            for i in range(n):
                out.append(self.room(<State?> whose[i], <Visit?> asked[i]))
                jobs[i].visit, jobs[i].result, jobs[i].state = &(<Visit> asked[i]).own, &(<Result> out[i]).own, (<State?> whose[i]).own
                if bills[i] is not None:
                    bill = <Lines?> bills[i]
                    jobs[i].lines, jobs[i].count = bill.own, bill.count
            self.busy = True
            for each in whose:
                (<State> each).busy = True
            while at < n:
                with nogil:
                    while at < n:
                        code = yb_settle(self.own, jobs[at].state, jobs[at].visit, jobs[at].lines, jobs[at].count, jobs[at].result, NULL,
                                         NULL if pre else jobs[at].state)
                        at += 1
                        if code != YB_OK or jobs[at - 1].visit.reversal != 0:
                            break
                if code != YB_OK:
                    out[at - 1] = refusal(code, self.own)
                elif jobs[at - 1].visit.reversal != 0:
                    (<Result> out[at - 1]).keep()
        finally:
            free(jobs)
            if self.busy:
                self.busy = False
                for each in whose:
                    (<State> each).busy = False
        return out

include "rows.pxi"
include "window.pxi"
