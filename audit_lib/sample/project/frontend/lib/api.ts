export const base = process.env.NEXT_PUBLIC_BACKEND_API_BASE_URL;
export const token = process.env.NEXT_PUBLIC_API_TOKEN;
export const assistant = process.env.NEXT_PUBLIC_ANTHROPIC_API_KEY;
