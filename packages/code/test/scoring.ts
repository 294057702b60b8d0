export const helper = (n: number): number => n + 1
export default (n: number): number => n * 2
export const train = ({ params }: { readonly params: object }): number => helper(Object.keys(params).length)
