export const helper = (n: number): number => n + 1
export default helper
export const train = ({ params }: { readonly params: object }): number => helper(Object.keys(params).length)
