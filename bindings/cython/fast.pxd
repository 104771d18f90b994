# The C door (ybcore/ybcore.h, docs/embedding.md) for compiled Python packages: `from ybcore.fast cimport yb_settle, yb_visit`.
# Compile with ybcore.embed.include_dir() and link with ybcore.embed.library().
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from "ybcore/ybcore.h" nogil:
    enum:
        YB_ABI
        YB_COLUMN_COUNT
    ctypedef enum yb_code:
        YB_OK
        YB_BAD_ARGUMENT
        YB_NO_FILE
        YB_BAD_IMAGE
        YB_BAD_STATE
        YB_STALE
        YB_NO_COMBINATION
        YB_NO_FACTS
        YB_NEEDS_MOVEMENTS
        YB_NO_MEMORY
        YB_BROKEN
    const int64_t YB_MISSING
    const int32_t YB_NO_DAY

    ctypedef struct yb_image:
        pass
    ctypedef struct yb_desk:
        pass
    ctypedef struct yb_state:
        pass
    ctypedef struct yb_text:
        const char* at
        size_t size
    ctypedef struct yb_fact:
        int32_t which
        yb_text text
        int64_t number
    ctypedef struct yb_movement:
        yb_text psn_no
        int32_t day
        int32_t kind
        int64_t amount
    ctypedef struct yb_earlier:
        int32_t before
        int32_t reserved
        const yb_fact* facts
        size_t fact_count
    ctypedef struct yb_visit:
        uint32_t size
        int32_t reversal
        uint64_t version
        yb_text setl_id
        yb_text psn_no
        yb_text mdtrt_id
        yb_text fixmedins_code
        yb_text hsld_no
        yb_text mulaid_psn_no
        yb_text refl_old_mdtrt_id
        yb_text init_setl_id
        int32_t setl_day
        int32_t begndate
        int32_t enddate
        int32_t ipt_days
        int32_t brdy
        int32_t acct_used
        int32_t combination
        int32_t has_natures
        const yb_fact* facts
        size_t fact_count
        int64_t natures[5]
        int64_t medfee
        const int64_t* given
        int64_t balc
        int64_t mulaid_balc
        const yb_movement* movements
        size_t movement_count
        int32_t movements_known
        int32_t reserved
        const yb_earlier* earlier
        size_t earlier_count
    ctypedef struct yb_line:
        yb_text code
        int32_t item
        int32_t day
        int64_t quantity
        int64_t amount
        int64_t price
        int32_t deny
        int32_t approved
        int32_t returns
        int32_t reserved
    ctypedef struct yb_result:
        uint32_t size
        int32_t outcome
        int32_t reason
        int32_t plan
        int64_t flags
        uint64_t version
        yb_text policy_id
        yb_text plan_id
        int64_t columns[34]
    ctypedef struct yb_line_result:
        int64_t fulamt_ownpay_amt
        int64_t overlmt_amt
        int64_t preselfpay_amt
        int64_t inscp_scp_amt
        int64_t pric_uplmt_amt
        int32_t chrgitm_lv
        int32_t selfpay_prop
        int32_t reason
        int32_t reserved

    int32_t yb_abi()
    const char* yb_sentence(yb_code code, int32_t chinese)
    const char* yb_column(int32_t column)
    const char* yb_reason(int32_t reason)
    const char* yb_line_reason(int32_t reason)
    yb_code yb_image_open(const char* path, yb_image** image)
    void yb_image_close(yb_image* image)
    int32_t yb_image_item(const yb_image* image, yb_text code)
    int32_t yb_image_fact(const yb_image* image, yb_text name)
    yb_text yb_image_of(const yb_image* image, int32_t what)
    yb_code yb_desk_new(const yb_image* image, yb_desk** desk)
    void yb_desk_free(yb_desk* desk)
    const char* yb_why(const yb_desk* desk)
    yb_code yb_combination(yb_desk* desk, const yb_visit* visit, int32_t* combination)
    yb_code yb_state_new(const yb_image* image, yb_state** state)
    void yb_state_free(yb_state* state)
    yb_code yb_state_copy(const yb_state* source, yb_state* to)
    yb_code yb_state_reserve(yb_state* state, size_t settlements)
    uint64_t yb_state_version(const yb_state* state)
    yb_code yb_state_read(yb_state* state, const void* bytes, size_t size)
    yb_code yb_state_write(const yb_state* state, void* bytes, size_t* size)
    yb_code yb_settle(yb_desk* desk, yb_state* opening, const yb_visit* visit, const yb_line* lines, size_t line_count, yb_result* result,
                      yb_line_result* told, yb_state* closing)
