/* The C door: one visit at a time over a compiled image, from any language that speaks C.
 *
 * Meaning   docs/embedding.md. An image is what Engine.image wrote: policies and catalogue, compiled; a state is what a person (or
 *           those who are settled together) carry from visit to visit; a desk is what one thread needs to settle.
 * Units     Texts in UTF-8. Money in fen, quantities in 1/10000, prices in 1/1000000 yuan, rates in ppm, dates in days since 1970-01-01.
 * Requires  `size` of a struct set to its sizeof. An image outlives its desks and states. A desk and a state serve one thread at a
 *           time; an image any number of them, and children of fork.
 * Gives     Texts inside results stand until the state that they come from changes, or the image closes.
 * Fails     A code other than YB_OK, and nothing changed, but that a closing state of its own may be a copy of the opening one by then;
 *           yb_why tells more. After YB_NO_MEMORY or YB_BROKEN the closing state is none (YB_BAD_STATE) until one is read into it; read
 *           the opening one again where it is the same. Refused visits are results, not failures. Handles that are NULL are refused, or
 *           have nothing. Nothing is thrown.
 * Cost      yb_settle allocates nothing while the state has room (yb_state_reserve) and no new texts double theirs.
 */
#ifndef YBCORE_YBCORE_H
#define YBCORE_YBCORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define YB_ABI 2           /* of this header; yb_abi() is that of the library */
#define YB_COLUMN_COUNT 34 /* of a result, in the order of yb_column */
#define YB_MISSING INT64_MIN
#define YB_NO_DAY INT32_MIN

#if defined(__GNUC__)
#define YB_API __attribute__((visibility("default")))
#else
#define YB_API
#endif

typedef struct yb_image yb_image;
typedef struct yb_desk yb_desk;
typedef struct yb_state yb_state;

typedef enum yb_code {
  YB_OK = 0,
  YB_BAD_ARGUMENT = 1, /* a struct of another size, or something out of range */
  YB_NO_FILE = 2,      /* the image cannot be opened */
  YB_BAD_IMAGE = 3,    /* not an image of this library, or damaged */
  YB_BAD_STATE = 4,    /* not the bytes of a state, or damaged */
  YB_STALE = 5,        /* the state is no longer at the version that was asked for */
  YB_NO_COMBINATION =
      6,           /* no plan for these facts: it would be larger than the kernel has room for; or a desk knows too many combinations */
  YB_NO_FACTS = 7, /* the combination was found for another day, age or length of stay, or the stay has parts: give the facts */
  YB_NEEDS_MOVEMENTS = 8, /* the policy tops accounts up or renews them: say what happened on the account */
  YB_NO_MEMORY = 9,
  YB_BROKEN = 10 /* money was lost or invented: a fault of the kernel; the closing state means nothing */
} yb_code;

/* `at` NULL: none. Not ended by a zero byte. */
typedef struct yb_text {
  const char* at;
  size_t size;
} yb_text;

/* One fact by its number (yb_image_fact): a code as text, or a number. */
typedef struct yb_fact {
  int32_t which;
  yb_text text;
  int64_t number; /* YB_MISSING: none */
} yb_fact;

typedef struct yb_movement {
  yb_text psn_no; /* NULL: the visit's person */
  int32_t day;
  int32_t kind; /* 0 sets the balance, 1 adds */
  int64_t amount;
} yb_movement;

/* Facts that held in the parts of a split stay that end before a day, where they were others than those of the visit. */
typedef struct yb_earlier {
  int32_t before; /* of parts whose last day is earlier; the first that fits holds */
  int32_t reserved;
  const yb_fact* facts;
  size_t fact_count;
} yb_earlier;

typedef struct yb_visit {
  uint32_t size;
  int32_t reversal; /* 1: takes init_setl_id back */
  uint64_t version; /* the state must be at this version; UINT64_MAX: any */
  yb_text setl_id, psn_no, mdtrt_id, fixmedins_code, hsld_no, mulaid_psn_no, refl_old_mdtrt_id, init_setl_id;
  int32_t setl_day, begndate, enddate; /* the last two YB_NO_DAY: setl_day */
  int32_t ipt_days;                    /* -1: from the dates */
  int32_t brdy;                        /* birth, YB_NO_DAY unknown */
  int32_t acct_used;                   /* 0: the account pays nothing */
  int32_t combination;                 /* from yb_combination of the same desk, or -1: from the facts */
  int32_t has_natures;                 /* 1: `natures` and medfee hold where there are no lines */
  const yb_fact* facts;
  size_t fact_count;
  int64_t natures[5];           /* full self-pay, over limit, first pay, in scope, direct */
  int64_t medfee;               /* YB_MISSING: what the natures add up to */
  const int64_t* given;         /* what each of nine payers (eight funds, the hospital) has paid already, or NULL */
  int64_t balc;                 /* opening balance, where the state knows no account */
  int64_t mulaid_balc;          /* the same of whose account pays as well */
  const yb_movement* movements; /* in the order in which they happen */
  size_t movement_count;
  int32_t movements_known; /* 1: these are all */
  int32_t reserved;
  const yb_earlier* earlier; /* days rising; NULL: the facts held in every part */
  size_t earlier_count;
} yb_visit;

typedef struct yb_line {
  yb_text code;     /* or NULL, and `item` is from yb_image_item */
  int32_t item;     /* -1: not in the catalogue */
  int32_t day;      /* YB_NO_DAY: enddate */
  int64_t quantity; /* YB_MISSING: 10000 */
  int64_t amount;
  int64_t price;    /* YB_MISSING: not given */
  int32_t deny;     /* 1: denied, and with it lines that return it */
  int32_t approved; /* 2: not approved by the hospital, and with it lines that return it */
  int32_t returns;  /* the line of this visit that it returns, which may return one too; or -1 */
  int32_t reserved;
} yb_line;

typedef struct yb_result {
  uint32_t size;
  int32_t outcome;  /* 0 settled, 1 no_benefit, 2 not_enrolled, 3 rejected */
  int32_t reason;   /* why it is rejected, 0 nothing: yb_reason tells it */
  int32_t plan;     /* of the image; -1: none, or one that the desk made. policy_id and plan_id name it */
  int64_t flags;    /* docs/settlement.md: 1 a figure was assumed, 2 not modelled, 8 an unknown item, 16 a price that differs */
  uint64_t version; /* of the closing state */
  yb_text policy_id, plan_id;
  int64_t columns[YB_COLUMN_COUNT];
} yb_result;

typedef struct yb_line_result {
  int64_t fulamt_ownpay_amt, overlmt_amt, preselfpay_amt, inscp_scp_amt;
  int64_t pric_uplmt_amt; /* YB_MISSING: no cap */
  int32_t chrgitm_lv;     /* 0 none, 1 to 3 */
  int32_t selfpay_prop;   /* ppm */
  int32_t reason;         /* yb_line_reason tells it */
  int32_t reserved;
} yb_line_result;

YB_API int32_t yb_abi(void);
/* A sentence for a code, in Chinese where `chinese` is 1. Never NULL. */
YB_API const char* yb_sentence(yb_code code, int32_t chinese);
/* Names by number; NULL beyond the last. */
YB_API const char* yb_column(int32_t column);
YB_API const char* yb_reason(int32_t reason);
YB_API const char* yb_line_reason(int32_t reason);

/* The file is mapped: processes that open it share its memory. */
YB_API yb_code yb_image_open(const char* path, yb_image** image);
YB_API void yb_image_close(yb_image* image);
/* Number of an item of the catalogue, of a fact; -1: there is none. */
YB_API int32_t yb_image_item(const yb_image* image, yb_text code);
YB_API int32_t yb_image_fact(const yb_image* image, yb_text name);
/* 0 the policy book, 1 the catalogue, 2 the version of ybcore: what the image was made from. */
YB_API yb_text yb_image_of(const yb_image* image, int32_t what);

YB_API yb_code yb_desk_new(const yb_image* image, yb_desk** desk);
YB_API void yb_desk_free(yb_desk* desk);
/* What the last failure of this desk was about; empty after a success. */
YB_API const char* yb_why(const yb_desk* desk);
/* What the facts of a visit come to, as a number that serves other visits with the same facts at this desk. Where the day, the age or the
 * length of the stay are on another side of an edge the facts are looked at again, or YB_NO_COMBINATION where the visit gives none. */
YB_API yb_code yb_combination(yb_desk* desk, const yb_visit* visit, int32_t* combination);

YB_API yb_code yb_state_new(const yb_image* image, yb_state** state);
YB_API void yb_state_free(yb_state* state);
YB_API yb_code yb_state_copy(const yb_state* from, yb_state* to);
YB_API yb_code yb_state_reserve(yb_state* state, size_t settlements);
YB_API uint64_t yb_state_version(const yb_state* state);
/* The binary form of docs/embedding.md. yb_state_write: `size` is the room, then what is needed; YB_BAD_ARGUMENT where it is too small. */
YB_API yb_code yb_state_read(yb_state* state, const void* bytes, size_t size);
YB_API yb_code yb_state_write(const yb_state* state, void* bytes, size_t* size);

/* Settles a visit. `closing` NULL: what would be paid; the same as `opening`: the state moves on in place; else it becomes the state after
 * the visit and `opening` stays. `told` NULL or one a line. */
YB_API yb_code yb_settle(yb_desk* desk, yb_state* opening, const yb_visit* visit, const yb_line* lines, size_t line_count,
                         yb_result* result, yb_line_result* told, yb_state* closing);

#ifdef __cplusplus
}
#endif

#endif
