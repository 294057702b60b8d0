export const placeholderSql = "@uniflow/sql"
