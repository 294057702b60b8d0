import { placeholderCore } from "@uniflow/core"
import { placeholderSql } from "@uniflow/sql"

export const placeholderNode = [placeholderCore, placeholderSql, "@uniflow/node"].join(" ")
